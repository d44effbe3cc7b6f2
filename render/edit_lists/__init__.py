"""Edit lists: what plays of which source, as files that video editors and spreadsheets read."""
