#!/usr/bin/python3
"""Makes the attempts that standard input names, a line each, and prints what came of each: whom it reached, or an errno.

    tcp|udp|sendto ADDRESS PORT [source=ADDRESS] [device=NAME] [mark=NUMBER] [broadcast]
"""
import errno
import json
import socket
import sys

QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"


def outcome(kind, address, port, *options):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    end.settimeout(3)
    for option in options:
        name, _, value = option.partition("=")
        if name == "source":
            end.bind((value, 0))
        elif name == "device":
            end.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, value.encode())
        elif name == "mark":
            end.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(value))
        else:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    try:
        if kind == "sendto":
            end.sendto(QUERY, (address, int(port)))
            return "sent"
        end.connect((address, int(port)))
        if kind == "udp":
            return "connected"
        end.sendall(b"token\n")
        return "reached " + json.loads(end.makefile().readline())["name"]
    except OSError as error:
        return errno.errorcode.get(error.errno, "timeout")


for line in sys.stdin:
    print(outcome(*line.split()), flush=True)
