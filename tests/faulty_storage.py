"""A storage that fails at the write that a test names: as a process leaves it that dies there, or as a broken store."""

from beam_image_edit.transforms.storage import Storage


class Crash(BaseException):
    pass


class FaultyStorage(Storage):
    """Fails once, at a write, a creation or a removal: the one after `left` others."""

    left = None
    fault = Crash

    def write(self, path, content):
        self._count()
        super().write(path, content)

    def create(self, path, content, is_durable=True):
        self._count()
        return super().create(path, content, is_durable)

    def delete(self, path):
        self._count()
        super().delete(path)

    def _count(self):
        if self.left == 0:
            self.left = None
            raise self.fault
        if self.left is not None:
            self.left -= 1
