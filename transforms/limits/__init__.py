"""The room for limits: how many calls may be in flight, and when the next one may begin.

`limiter` is what the rest of the package uses. It asks five parts, each of which knows one thing: `pace` keeps the
limits that the user has told, over all processes of a machine; `rate` finds a quota that nobody has told, and asks
`hold` how long to wait for it; `cap` finds a number of calls at a time that nobody has told; `overload` steps back from
a server that can't keep up; `noise` knows refusals that say nothing about a quota. `service` asks a service that keeps
the limits of many machines, where there is one.
"""
