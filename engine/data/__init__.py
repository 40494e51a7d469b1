"""The candle store: monthly Parquet files with a manifest, the data contract, import, fetch and export."""
