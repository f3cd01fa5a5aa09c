#!/usr/bin/python3
"""Sends "echo" and a file to ADDRESS PORT, reads all of it back, and prints what was seen, as JSON."""
import json
import socket
import sys
import threading

address, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
payload = open(path, "rb").read()
connection = socket.create_connection((address, port), timeout=60)
names = {"getpeername": connection.getpeername(), "getsockname": connection.getsockname()}


def send():
    connection.sendall(b"echo\n" + payload)
    connection.shutdown(socket.SHUT_WR)


sender = threading.Thread(target=send)
sender.start()
received = b"".join(iter(lambda: connection.recv(65536), b""))
sender.join()
facts, _, body = received.partition(b"\n")
print(json.dumps({key: "[%s]:%d" % name[:2] for key, name in names.items()} | {
    "intact": body == payload, "facts": facts.decode()}))
