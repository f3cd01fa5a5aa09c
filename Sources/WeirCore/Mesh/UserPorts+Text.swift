extension UserPorts {
    /// Reads Kuma's entries, divided by semicolons: `protocols:ports:uids`, `ports:uids` or `uids`, where protocols and
    /// ports may be `*`, ports are a list of ports and ranges, and uids are one number or range, as Kuma has it up to
    /// 65535.
    /// - Throws: a sentence that names the invalid entry.
    static func list(parsing text: String) throws(InvalidValue) -> [UserPorts] {
        var result: [UserPorts] = []
        for entry in text.split(separator: ";") { result.append(try UserPorts(parsing: String(entry))) }
        return result
    }

    /// Reads one entry.
    init(parsing entry: String) throws(InvalidValue) {
        let parts = entry.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        guard (1...3).contains(parts.count), let uids = parts.last else {
            throw InvalidValue("\"\(entry)\" has too many colons; write protocols:ports:uids, like tcp:22:1000-2000")
        }
        self.init(
            transports: try Self.transports(parts.count == 3 ? parts[0] : "*", entry),
            ports: try Self.ports(parts.count == 1 ? "*" : parts[parts.count - 2], entry),
            users: try Self.users(uids, entry))
    }

    /// - Parameters:
    ///   - text: "tcp", "udp", both with a comma, or "*".
    ///   - entry: what it is part of, for errors.
    static func transports(_ text: String, _ entry: String) throws(InvalidValue) -> Set<Transport> {
        if text == "*" || text.isEmpty { return [.tcp, .udp] }
        var result: Set<Transport> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            switch word.lowercased() {
            case "tcp": result.insert(.tcp)
            case "udp": result.insert(.udp)
            default: throw InvalidValue("\"\(word)\" in \"\(entry)\" is not tcp or udp")
            }
        }
        return result
    }

    static func ports(_ text: String, _ entry: String) throws(InvalidValue) -> [PortRange] {
        if text == "*" || text.isEmpty { return [PortRange(1, 65535)] }
        var result: [PortRange] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            do {
                result.append(try PortRange(parsing: String(item)))
            } catch {
                throw InvalidValue("\"\(item)\" in \"\(entry)\" is not a port or range of ports")
            }
        }
        return result
    }

    static func users(_ text: String, _ entry: String) throws(InvalidValue) -> ClosedRange<UInt32> {
        guard !text.contains(","), text != "*", let range = try? PortRange(parsing: text) else {
            throw InvalidValue("\"\(text)\" in \"\(entry)\" is not a uid or range of uids up to 65535")
        }
        return UInt32(range.first)...UInt32(range.last)
    }
}
