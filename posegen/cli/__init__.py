"""The command line. The package stays empty so that `posegen --help` imports little."""
