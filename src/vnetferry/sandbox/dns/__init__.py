"""DNS as each vantage sees it: a name server on loopback UDP for the internet and for each virtual network.

`answers` are values, `public` is what the whole world resolves, `private` what private zones make of it,
`resolver` who asks whom, `messages` the wire format, `server` the ports.
"""
