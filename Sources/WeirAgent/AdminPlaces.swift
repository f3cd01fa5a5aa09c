import Glibc
import NIOCore
import WeirBPF
import WeirCore

/// Where the admin API is to listen, tried before the agent changes anything of the node.
enum AdminPlaces {
    /// How long an agent that has let go of its socket may still hold the port.
    private static let patience = Duration.seconds(3)

    /// - Throws: what is wrong with `agent.listen` or with the folder of `agent.socket`, which is made if need be.
    static func require(_ settings: Configuration.Agent) async throws {
        try requireFolder(of: settings.socket)
        try requireFree(settings.socket)
        let end = ContinuousClock.now + patience
        while true {
            let code = try bindError(settings.listen)
            guard code != 0 else { return }
            guard code == EADDRINUSE, ContinuousClock.now < end else {
                throw BPFError(
                    code: code, operation: "listen on", subject: "\(settings.listen)",
                    advice: "give agent.listen an address of this host and a port that is free")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// What stands at the path goes only if it is what an agent that was killed has left: a socket of this user's that
    /// nobody listens on.
    /// - Throws: what is there instead.
    static func requireFree(_ path: String) throws(InvalidValue) {
        var information = stat()
        guard lstat(path, &information) == 0 else { return }
        let advice = "give agent.socket another path, or remove it"
        guard information.st_mode & S_IFMT == S_IFSOCK else {
            throw InvalidValue("agent.socket: \(path) is no socket, and is not removed; \(advice)")
        }
        guard information.st_uid == geteuid() else {
            throw InvalidValue(
                "agent.socket: \(path) is a socket of uid \(information.st_uid), and is not removed; \(advice)")
        }
        let code = connectError(path)
        guard [0, ECONNREFUSED, ENOENT].contains(code) else {
            let reason = String(cString: strerror(code)).lowercased()
            throw InvalidValue("agent.socket: \(path) is in use (\(reason)), and is not removed; \(advice)")
        }
    }

    /// Removes a socket that is free; nothing else.
    static func remove(_ path: String) {
        var information = stat()
        if lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    }

    /// - Returns: the errno of connecting to a stream socket without waiting; 0 when somebody answers.
    private static func connectError(_ path: String) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let raw = socket(AF_UNIX, type, 0)
        guard raw >= 0 else { return errno }
        defer { close(raw) }
        guard let address = try? SocketAddress(unixDomainSocketPath: path) else { return ENAMETOOLONG }
        return address.withSockAddr { connect(raw, $0, socklen_t($1)) == 0 ? 0 : errno }
    }

    private static func requireFolder(of socket: String) throws(BPFError) {
        let folder = "/" + socket.split(separator: "/").dropLast().joined(separator: "/")
        guard mkdir(folder, 0o755) != 0 else { return }
        let code = errno
        var information = stat()
        if stat(folder, &information) == 0, information.st_mode & S_IFMT == S_IFDIR { return }
        throw BPFError(
            code: code == EEXIST ? ENOTDIR : code, operation: "make the folder of", subject: socket,
            advice: "make it, or give agent.socket another path")
    }

    /// - Returns: the errno of binding a socket to it, which is closed again; 0 if it can be bound.
    private static func bindError(_ endpoint: Endpoint) throws -> Int32 {
        let address = try SocketAddress(ipAddress: "\(endpoint.address)", port: Int(endpoint.port))
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let raw = socket(endpoint.address.isIPv4 ? AF_INET : AF_INET6, type, 0)
        guard raw >= 0 else { return errno }
        defer { close(raw) }
        // As the server does: connections that wait for their end are no hindrance.
        var on: Int32 = 1
        setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        return address.withSockAddr { bind(raw, $0, socklen_t($1)) == 0 ? 0 : errno }
    }
}
