"""What a program's own sockets tell it: own_sockets.py WHAT FAMILY ARGUMENTS..., printed as one JSON object.

origins REDIRECTED DIRECT OWN: SO_ORIGINAL_DST of sockets in several states; the first two are ADDRESS PORT each.
source SERVER LOOPBACK: a datagram socket connected to a DNS server, disconnected, and what it sends then.
"""

import ctypes
import errno
import json
import socket
import struct
import sys

SO_ORIGINAL_DST = 80  # IP6T_SO_ORIGINAL_DST has the same number
FAMILY = socket.AF_INET6 if sys.argv[2] == "ipv6" else socket.AF_INET
ARGUMENTS = sys.argv[3:]


def endpoint(name):
    return "%s:%d" % name[:2]


def original_destination(of):
    try:
        if FAMILY == socket.AF_INET:
            port, address = struct.unpack("!2xH4s8x", of.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
        else:
            port, address = struct.unpack("!2xH4x16s4x", of.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28))
    except OSError as error:
        return errno.errorcode[error.errno]
    return endpoint((socket.inet_ntop(FAMILY, address), port))


def disconnect(of):
    """connect() to AF_UNSPEC."""
    if ctypes.CDLL(None).connect(of.fileno(), bytes(28), 28):
        sys.exit("cannot disconnect")


def connected(address, port):
    made = socket.socket(FAMILY)
    made.settimeout(10)
    made.connect((address, int(port)))
    return made


def origins():
    redirected, direct = connected(*ARGUMENTS[:2]), connected(*ARGUMENTS[2:4])
    server = socket.socket(FAMILY)
    server.bind((ARGUMENTS[4], 8081))
    server.listen()
    client = connected(ARGUMENTS[4], 8081)
    accepted, _ = server.accept()
    seen = {
        "redirected": original_destination(redirected),
        "direct": original_destination(direct),
        "listening": original_destination(server),
        "own client": original_destination(client),
        "own accepted": original_destination(accepted),
        "unconnected": original_destination(socket.socket(FAMILY)),
        "datagram": original_destination(socket.socket(FAMILY, socket.SOCK_DGRAM)),
    }
    for one in (client, accepted):
        one.sendall(b"x" * 10000)
    for one in (client, accepted):
        one.recv(10)
    seen["own client, in use"] = original_destination(client)
    seen["own accepted, in use"] = original_destination(accepted)
    direct.shutdown(socket.SHUT_WR)
    seen["direct, shut down"] = original_destination(direct)
    for one in (redirected, direct):
        disconnect(one)
    seen["redirected, disconnected"] = original_destination(redirected)
    seen["direct, disconnected"] = original_destination(direct)
    return seen


def source():
    receiver = socket.socket(FAMILY, socket.SOCK_DGRAM)
    receiver.bind((ARGUMENTS[1], 0))
    asker = socket.socket(FAMILY, socket.SOCK_DGRAM)
    for one in (receiver, asker):
        one.settimeout(10)
    asker.connect((ARGUMENTS[0], 53))
    seen = {"connected": asker.getsockname()[0]}
    asker.send(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\x04weir\x04test\0" + struct.pack("!2H", 16, 1))
    seen["answered"] = str(len(asker.recv(4096)) > 12)
    disconnect(asker)
    seen["disconnected"] = asker.getsockname()[0]
    asker.sendto(b"x", receiver.getsockname())
    sender = receiver.recvfrom(1)[1]
    seen["sent from"] = sender[0]
    # A disconnected IPv6 socket still hears from its former peer alone (net/ipv6/udp.c, compute_score).
    if FAMILY == socket.AF_INET:
        receiver.sendto(b"y", sender)
        seen["reply"] = asker.recv(1).decode()
    return seen


print(json.dumps(origins() if sys.argv[1] == "origins" else source()))
