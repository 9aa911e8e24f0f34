"""Commands and programs for hosts, as text: nothing runs here."""
