"""Installs the two folders under one namespace.

`pipeline` and `transforms` are too generic to be installed under their own names: another package's folder of the
same name would overwrite them in site-packages. They are imported as beam_image_edit.pipeline and
beam_image_edit.transforms.
"""

from setuptools import find_packages, setup

NAMESPACE = 'beam_image_edit'
FOLDERS = ('pipeline', 'transforms')

setup(
    package_dir={f'{NAMESPACE}.{folder}': folder for folder in FOLDERS},
    packages=[
        package
        for folder in FOLDERS
        for package in (
            f'{NAMESPACE}.{folder}',
            *(f'{NAMESPACE}.{folder}.{name}' for name in find_packages(folder)),
        )
    ],
    # Without strict mode mypy and pyright can't follow an editable install of mapped folders.
    options={'editable_wheel': {'mode': 'strict'}},
)
