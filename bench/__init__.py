"""The machinery: types, images, runs, storage, command line."""
