import CWeirABI
import CWeirBPF
import Glibc

/// Finds listeners of a namespace that are older than Weir's programs, and puts them where inbound connections are
/// steered to. `BPF_SOCK_OPS_TCP_LISTEN_CB` has seen the others.
public enum ListenerAdoption {
    /// - Parameter port: the proxy's inbound port, in host order.
    /// - Returns: how many listeners were found.
    public static func adopt(
        port: UInt16, in namespace: borrowing NetworkNamespace, _ maps: Maps
    ) throws(BPFError) -> Int {
        var found = 0
        for pid in pids() where NetworkNamespace.inode(of: "/proc/\(pid)/ns/net") == namespace.inode {
            for number in sockets(of: pid) {
                let copy = weir_descriptor_of(pid, number)
                if copy < 0 { continue }
                let listener = Descriptor(owning: copy)
                guard let family = listening(listener.raw, port: port) else { continue }
                try mark(listener.raw, maps)
                if try store(listener.raw, port: port, family: family, cookie: namespace.cookie, maps) { found += 1 }
            }
        }
        return found
    }

    static func pids() -> [Int32] {
        Folder.names(in: "/proc").compactMap { Int32($0) }
    }

    private static func sockets(of pid: Int32) -> [Int32] {
        Folder.names(in: "/proc/\(pid)/fd").compactMap { name in
            var target = [UInt8](repeating: 0, count: 32)
            let length = target.withUnsafeMutableBytes { bytes in
                bytes.withMemoryRebound(to: CChar.self) { buffer in
                    buffer.baseAddress.map { readlink("/proc/\(pid)/fd/\(name)", $0, buffer.count) } ?? 0
                }
            }
            guard length > 0, target.starts(with: "socket:".utf8) else { return nil }
            return Int32(name)
        }
    }

    /// - Returns: the family of a TCP socket that listens on the port, beyond the loopback address; else nil.
    private static func listening(_ descriptor: Int32, port: UInt16) -> UInt16? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0, value == 1,
            getsockopt(descriptor, SOL_SOCKET, SO_PROTOCOL, &value, &size) == 0, value == Int32(IPPROTO_TCP)
        else { return nil }
        var storage = sockaddr_storage()
        size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let named = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard named == 0 else { return nil }
        let isIPv4 = Int32(storage.ss_family) == AF_INET
        return withUnsafeBytes(of: &storage) { bytes -> UInt16? in
            let bound = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            guard bound == port else { return nil }
            if isIPv4 { return bytes[4] == 127 ? nil : UInt16(AF_INET) }
            let isLoopback = bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
            return isLoopback ? nil : UInt16(AF_INET6)
        }
    }

    /// Lets the sockets that the listener accepts know what it is, as `mark_taker()` does for newer ones.
    private static func mark(_ descriptor: Int32, _ maps: Maps) throws(BPFError) {
        var socket = weir_socket()
        socket.flags = UInt16(WEIR_SOCKET_TAKER.rawValue)
        socket.verdict = UInt8(WEIR_VERDICT_DIRECT.rawValue)
        socket.reason = UInt8(WEIR_REASON_INBOUND.rawValue)
        socket.direction = UInt8(WEIR_INBOUND.rawValue)
        try maps.socks.set(descriptor, to: socket)
    }

    private static func store(
        _ descriptor: Int32, port: UInt16, family: UInt16, cookie: UInt64, _ maps: Maps
    ) throws(BPFError) -> Bool {
        // Reading a sockhash gives the cookies of its sockets: one that is there already, from listen() or an earlier
        // agent, must not take another slot.
        var cookieOfSocket: UInt64 = 0
        var size = socklen_t(MemoryLayout<UInt64>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookieOfSocket, &size) == 0 else { return false }
        for slot in 0..<UInt32(WEIR_LISTENER_SLOTS) {
            let key = weir_listener(netns: cookie, port: port.bigEndian, family: family, slot: slot)
            if let present: UInt64 = try maps.listeners.value(of: key), present == cookieOfSocket { return false }
        }
        for slot in 0..<UInt32(WEIR_LISTENER_SLOTS) {
            var key = weir_listener(netns: cookie, port: port.bigEndian, family: family, slot: slot)
            var value = UInt64(descriptor)
            let error = bpf_map_update_elem(maps.listeners.raw, &key, &value, UInt64(BPF_NOEXIST))
            if error == 0 { return true }
            if error != -EEXIST { try check(error, "adopt a listener on port \(port) into", "weir_listeners") }
        }
        return false
    }
}
