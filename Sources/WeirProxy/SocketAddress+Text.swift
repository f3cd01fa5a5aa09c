import NIOCore

extension SocketAddress {
    /// `192.0.2.1:80` or `[2001:db8::1]:80` (RFC 5952 section 6).
    var text: String {
        guard let port, let ipAddress else { return "\(self)" }
        return self.protocol == .inet6 ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
    }

    /// The IPv4 address in an IPv4-mapped one (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2), any other address as it is.
    /// A listener on `[::]` reports IPv4 peers as mapped; comparing and dialing want them plain.
    var unmapped: SocketAddress {
        guard self.protocol == .inet6, let port else { return self }
        let plain: ByteBuffer? = withSockAddr { pointer, size in
            // struct sockaddr_in6: sin6_addr is the 16 bytes from offset 8 (ipv6(7)).
            let raw = UnsafeRawBufferPointer(start: pointer, count: size)
            guard raw.count >= 24, raw[8..<18].allSatisfy({ $0 == 0 }), raw[18] == 0xff, raw[19] == 0xff else {
                return nil
            }
            return ByteBuffer(bytes: raw[20..<24])
        }
        guard let plain, let address = try? SocketAddress(packedIPAddress: plain, port: port) else { return self }
        return address
    }
}
