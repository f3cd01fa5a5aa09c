"""Has the agent keep the beginnings of requests until it is killed: hog.py SOCKET

Each of 400 requests sends all of a megabyte but the last byte. Prints how many the agent took.
"""
import socket, sys

SIZE = 1 << 20
held = []
try:
    while len(held) < 400:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect(sys.argv[1])
        connection.sendall(b"POST /v1/cni/check HTTP/1.1\r\nHost: weir\r\nContent-Length: %d\r\n\r\n" % SIZE)
        connection.sendall(b" " * (SIZE - 1))
        held.append(connection)
except OSError as error:
    print(f"{len(held)} requests, then: {error}")
else:
    print(f"{len(held)} requests, and the agent is alive")
