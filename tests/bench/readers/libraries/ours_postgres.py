from libraries import ours

TITLE = "ours, on PostgreSQL"
SETUP = "as `ours`, its rows in PostgreSQL."
set_up, counting, check_at_the_end = ours.set_up, ours.counting, ours.check_at_the_end
