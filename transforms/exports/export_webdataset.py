"""ExportWebDataset: edited rows as tar files of pictures and JSON."""

from beam_image_edit.transforms.exports.tar_shards import TarShard
from beam_image_edit.transforms.exports.write_shards import ShardFormat, WriteShards


class ExportWebDataset(WriteShards):
    """Writes `export/webdataset/train-00000-of-000NN.tar`: of each row its pictures and a JSON file, in a row.

    Its arguments, its result and its errors are those of `WriteShards`.
    """

    format = ShardFormat('webdataset', 'tar', TarShard)
