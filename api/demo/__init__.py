"""The demo: a street's lunch, played by simulated terminals over HTTP against a real server and a real store."""
