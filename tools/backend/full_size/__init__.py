"""Presets at their real size without weights or a GPU: on torch's `meta` device, which computes shapes alone."""
