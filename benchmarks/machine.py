"""The machine and the versions that figures hold for."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ('beam-image-edit', 'apache-beam', 'requests', 'urllib3', 'openai', 'google-genai')


def describe_machine() -> str:
    """The machine in a sentence."""
    memory_gb = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1024**3
    return f'{_find_cpu()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.release()}'


def describe_versions() -> str:
    """The versions in a sentence."""
    known = [f'{name} {found}' for name in _PACKAGES if (found := _find_version(name))]
    return ', '.join([f'Python {platform.python_version()}', *known])


def _find_cpu() -> str:
    information = Path('/proc/cpuinfo')
    found = re.search(r'model name\s*:\s*(.+)', information.read_text()) if information.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ''
