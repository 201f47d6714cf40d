"""Config vars of Heroku apps: reported, shown, retired, and set by hand in an emergency."""
