"""The contact sheet: what a run has made of its pictures, as pages that any browser opens from disk.

`report/index.html` under the cache path shows before and after side by side. It needs no server and no network, so its
content comes as scripts (a page from disk may load nothing else), a few rows at a time. What rows say is hostile: it
is written as JSON without a character that could end a script, and only ever put into the page as text.
"""

from beam_image_edit.pipeline.report.contact_sheet import write_report

__all__ = ['write_report']
