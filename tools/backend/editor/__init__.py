"""The editor: any mix of operations in one pass, and nothing else in the picture changes."""
