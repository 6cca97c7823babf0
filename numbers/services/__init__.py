"""Every write. One module an act; functions take keywords and say who asks (`by`)."""
