"""Guest programs for the tests: building them (`build`), running them (`run`), pytest fixtures (`fixtures`)."""
