"""The HTTP contract of three routes, for any back end: send a code, verify it, get the signature.

``contract`` has the words, ``flow`` what a route does once the host has allowed it, ``gateway``
what sends messages, ``journal`` what is written down beside. The extra ``otp-engine[esms]`` names
what the eSMS gateway needs.
"""
