#!/usr/bin/env python3
"""no_memory.py ADDRESS PORT: an application and its proxy in one, in a namespace where the kernel has no memory for what
it keeps of a socket (net.core.optmem_max). Prints the origin that the proxy was told, and what connect() came to then.
"""
import json
import socket
import struct
import sys

destination = (sys.argv[1], int(sys.argv[2]))
SO_ORIGINAL_DST = 80


def limit_memory(size):
    with open("/proc/sys/net/core/optmem_max", "w") as file:
        file.write(str(size))


proxy = socket.socket()
proxy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
# Its end of a connection is made when the first byte comes, which is after the client's.
proxy.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
proxy.bind(("127.0.0.1", 15001))
proxy.listen()
client = socket.create_connection(destination, timeout=60)
limit_memory(1)
client.sendall(b"x")
proxy.settimeout(60)
accepted, _ = proxy.accept()
port, address = struct.unpack("!2xH4s8x", accepted.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16))
try:
    socket.create_connection(destination, timeout=60)
    second = "connected"
except OSError as error:
    second = type(error).__name__
print(json.dumps({"origin": f"{socket.inet_ntoa(address)}:{port}", "second": second}))
