"""The least-squares engine: columns, masks, batches, demeaning, the kernel, corrections."""
