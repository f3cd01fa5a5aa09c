"""What a program sees of its source ports: source_ports.py WHAT FAMILY ARGUMENTS..., printed as one JSON object.

range A B PORT: eight connections to each of two addresses, from ten source ports.
bound A B PORT SOURCE-PORT [ADDRESS]: one connection to each, from one bound source port.
full A PORT: more connections to one address than there are source ports; a failed one is tried again by its socket.
"""

import errno
import json
import socket
import struct
import sys


def proc(name, value):
    with open("/proc/sys/net/ipv4/" + name, "w") as file:
        file.write(value)


def attempt(made, address, port):
    """Connects, and tells what both ends see; the proxy's word is a JSON object."""
    made.settimeout(10)
    try:
        made.connect((address, port))
    except OSError as error:
        return {"to": address, "errno": errno.errorcode[error.errno]}
    made.sendall(b"token\n")
    seen = b""
    while not seen.endswith(b"\n"):
        seen += made.recv(65536) or b"\n"
    return {
        "to": address,
        "errno": None,
        "local": "%s:%d" % made.getsockname()[:2],
        "peer": "%s:%d" % made.getpeername()[:2],
        "seen": json.loads(seen),
    }


def main():
    what, family = sys.argv[1], socket.AF_INET6 if sys.argv[2] == "ipv6" else socket.AF_INET
    arguments, open_sockets, results = sys.argv[3:], [], []

    def make():
        open_sockets.append(socket.socket(family))
        return open_sockets[-1]

    if what == "range":
        proc("ip_local_port_range", "40000 40009")
        for address in arguments[:2]:
            for _ in range(8):
                results.append(attempt(make(), address, int(arguments[2])))
    elif what == "bound":
        for address in arguments[:2]:
            made = make()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((arguments[4] if len(arguments) > 4 else "", int(arguments[3])))
            results.append(attempt(made, address, int(arguments[2])))
    elif what == "full":
        proc("ip_local_port_range", "40000 40009")
        for _ in range(18):
            results.append(attempt(make(), arguments[0], int(arguments[1])))
        # The port of the last that has one, which is reset, is free at once.
        open_sockets[15].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        open_sockets[15].close()
        results.append(attempt(open_sockets[17], arguments[0], int(arguments[1])))
    print(json.dumps(results))


main()
