import Foundation

extension Installation {
    /// Has the installed maps say that they are of another version, as those of another Weir would. Nothing but
    /// `weir_settings` says so; no agent may run.
    /// - Parameter difference: how much newer than they are.
    public func pretendVersion(_ difference: Int) throws {
        struct Entry: Decodable { let value: [String] }
        let map = "/sys/fs/bpf/\(pins)/maps/weir_settings"
        let key = ["key", "0", "0", "0", "0"]
        let text = try Command.run(["bpftool", "-j", "map", "lookup", "pinned", map] + key)
        var bytes = try JSONDecoder().decode(Entry.self, from: Data(text.utf8)).value
        let digits = bytes[4..<8].reversed().map { $0.dropFirst(2) }.joined()
        guard let version = Int(digits, radix: 16) else { throw TestError("no version in weir_settings", output: text) }
        for index in 0..<4 {
            bytes[4 + index] = String(format: "0x%02x", (version + difference) >> (8 * index) & 0xff)
        }
        try Command.run(["bpftool", "map", "update", "pinned", map] + key + ["value"] + bytes)
    }

    /// The kernel's ids of the maps in force, by name.
    public func maps() throws -> [String: Int] {
        struct Map: Decodable { let id: Int }
        let folder = "/sys/fs/bpf/\(pins)/maps"
        var found: [String: Int] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let text = try Command.run(["bpftool", "-j", "map", "show", "pinned", "\(folder)/\(name)"])
            found[name] = try JSONDecoder().decode(Map.self, from: Data(text.utf8)).id
        }
        return found
    }

    /// The kernel's ids of the programs in the pinned links, by the link's name.
    public func attachedPrograms() throws -> [String: Int] {
        struct Link: Decodable { let prog_id: Int }
        var found: [String: Int] = [:]
        for folder in ["links", "netns"].map({ "/sys/fs/bpf/\(pins)/\($0)" }) {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let text = try Command.run(["bpftool", "-j", "link", "show", "pinned", "\(folder)/\(name)"])
                found[name] = try JSONDecoder().decode(Link.self, from: Data(text.utf8)).prog_id
            }
        }
        return found
    }

    /// Installations that this one has taken over from and that still care for their connections.
    public var predecessors: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/bpf")) ?? []
        return names.filter { $0.hasPrefix("\(pins)-old-") }
    }
}
