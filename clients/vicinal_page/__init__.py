"""A page for people who label with no platform: `vicinal up` serves it, or `vicinal page`.

An HTTP server of its own in front of the graph service. It keeps no truth: what it knows is read from the
service, but for the curve's past and what may be undone, which last as long as it runs. docs/page.md.
"""
