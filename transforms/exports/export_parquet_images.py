"""ExportParquetImages: edited rows as Parquet files that hold their pictures."""

from beam_image_edit.transforms.exports.parquet_shards import ParquetShard
from beam_image_edit.transforms.exports.write_shards import ShardFormat, WriteShards


class ExportParquetImages(WriteShards):
    """Writes `export/parquet_images/train-00000-of-000NN.parquet`, which `datasets` loads as pictures and texts.

    Its arguments, its result and its errors are those of `WriteShards`.
    """

    format = ShardFormat('parquet_images', 'parquet', ParquetShard)
