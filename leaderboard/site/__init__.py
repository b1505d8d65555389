"""A static site of records that opens from disk: every number is in the HTML, scripts only sort and filter."""
