"""What the template's launcher starts: the same program as the command `beam-image-edit`."""

import sys

from beam_image_edit.pipeline.__main__ import main

if __name__ == '__main__':
    sys.exit(main())
