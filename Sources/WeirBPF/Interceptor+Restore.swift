import CWeirBPF
import Glibc
import Synchronization

/// Something of an installation that was found not to be in force.
public struct Restoration: Sendable, Hashable {
    public enum Subject: String, Sendable, CaseIterable {
        case fileSystem = "file-system"
        case pin, link, program
        case shortCut = "short-cut"
        case note, rules
    }

    public let subject: Subject
    /// What was found.
    public let finding: String
    /// Why it is not in force still; nil: it is again.
    public let failure: String?

    public init(_ subject: Subject, _ finding: String, failure: String? = nil) {
        (self.subject, self.finding, self.failure) = (subject, finding, failure)
    }
}

/// Somebody else removes pins, unmounts the BPF file system, detaches links, puts programs of their own into them, and
/// removes cgroups. The kernel is asked, and what is not as this process has made it is made so again.
extension Interceptor {
    /// - Parameter steer: attaches the inbound program to the namespace of a cookie again; false: nobody holds that any
    ///   more, and it may have ended.
    public func restore(_ steer: (UInt64) throws(BPFError) -> Bool) -> [Restoration] {
        let now = held.withLock { $0 }
        guard let pins, !isWaiting, let cgroup = now.cgroup else { return [] }
        var found: [Restoration] = []
        restoreFolders(pins, &found)
        restoreLinks(now, cgroup, pins, &found)
        for name in now.links.keys where name.hasPrefix("netns/") { restoreSteering(name, now, steer, &found) }
        restorePins(pins, &found)
        ShortCut.restore(now.programs, maps, &found)
        return found
    }

    private func restoreFolders(_ pins: PinDirectory, _ found: inout [Restoration]) {
        let mount = pins.path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
        if !Host.isBPFFileSystem(mount) {
            found.attempt(.fileSystem, "the BPF file system at \(mount) was unmounted") { () throws(BPFError) in
                _ = try Host.mountBPFFileSystem(at: mount)
            }
        }
        for folder in [pins.path] + PinDirectory.folders.map({ "\(pins.path)/\($0)" })
        where access(folder, F_OK) != 0 && Host.isBPFFileSystem(mount) {
            found.attempt(.pin, "\(folder) was removed") { () throws(BPFError) in
                if mkdir(folder, 0o700) != 0 { throw BPFError(code: errno, operation: "make", subject: folder) }
            }
        }
    }

    private func restoreLinks(
        _ now: HeldObjects, _ cgroup: String, _ pins: PinDirectory, _ found: inout [Restoration]
    ) {
        let id: UInt64
        do {
            id = try Host.cgroupID(of: cgroup)
        } catch {
            return found.append(
                Restoration(.link, "the cgroup \(cgroup) was removed; nothing is attached", failure: "\(error)"))
        }
        for hook in Self.hooks {
            let name = "links/\(hook.program)"
            guard let link = now.links[name] else { continue }
            do {
                switch try link.state(in: id) {
                case .inForce: continue
                case .otherProgram: found.replaceProgram(in: link, name)
                case .detached:
                    found.attempt(.link, "\(hook.program) was detached from \(cgroup)") { () throws(BPFError) in
                        let new = try Self.attach(link.program.descriptor.raw, hook, to: cgroup)
                        pins.remove(name)
                        try hold(Descriptor(owning: new), link.program.descriptor.raw, as: name, pins)
                    }
                }
            } catch {
                found.append(Restoration(.link, "\(hook.program) cannot be seen", failure: "\(error)"))
            }
        }
    }

    private func restoreSteering(
        _ name: String, _ now: HeldObjects, _ steer: (UInt64) throws(BPFError) -> Bool,
        _ found: inout [Restoration]
    ) {
        guard let link = now.links[name], let cookie = UInt64(name.dropFirst("netns/".count)) else { return }
        let finding = "weir_sk_lookup was detached from the namespace with cookie \(cookie)"
        do {
            switch try link.state(in: nil) {
            case .inForce: return
            case .otherProgram: found.replaceProgram(in: link, name)
            case .detached: if try steer(cookie) { found.append(Restoration(.link, finding)) }
            }
        } catch {
            found.append(Restoration(.link, finding, failure: "\(error)"))
        }
    }

    /// A pin that is another file than before is opened, and has to be of what is held.
    private func restorePins(_ pins: PinDirectory, _ found: inout [Restoration]) {
        let now = held.withLock { $0 }
        for (name, link) in now.links {
            restorePin(name, now, pins, link.descriptor.raw, &found) { link.id == Self.linkID($0) }
        }
        for (name, program) in now.programs {
            restorePin(name, now, pins, program.descriptor.raw, &found) { program.id == Self.programID($0) }
        }
        try? maps.forEach { map throws(BPFError) in
            let raw = map.raw
            restorePin("maps/\(map.name)", now, pins, raw, &found) { Self.mapID($0) == Self.mapID(raw) }
        }
    }

    private func restorePin(
        _ name: String, _ now: HeldObjects, _ pins: PinDirectory, _ raw: Int32, _ found: inout [Restoration],
        isSame: (Int32) -> Bool
    ) {
        let file = FileNumber("\(pins.path)/\(name)")
        if let file, file == now.pins[name] { return }
        let present = (try? pins.open(name)).map { Descriptor(owning: $0) }
        if let present, isSame(present.raw) {
            return held.withLock { $0.pins[name] = file }
        }
        let what = file == nil ? "was removed" : "was replaced"
        found.attempt(.pin, "the pin \(pins.path)/\(name) \(what)") { () throws(BPFError) in
            pins.remove(name)
            try pins.pin(raw, name)
        }
        held.withLock { $0.pins[name] = FileNumber("\(pins.path)/\(name)") }
    }

    private static func linkID(_ raw: Int32) -> UInt32? {
        var info = bpf_link_info()
        return weir_link_info(raw, &info) == 0 ? info.id : nil
    }

    private static func programID(_ raw: Int32) -> UInt32? {
        var info = bpf_prog_info()
        return weir_program_info(raw, &info) == 0 ? info.id : nil
    }

    static func mapID(_ raw: Int32) -> UInt32? {
        var info = bpf_map_info()
        return weir_map_info(raw, &info) == 0 ? info.id : nil
    }
}

extension [Restoration] {
    mutating func attempt(
        _ subject: Restoration.Subject, _ finding: String, _ body: () throws(BPFError) -> Void
    ) {
        do {
            try body()
            append(Restoration(subject, finding))
        } catch {
            append(Restoration(subject, finding, failure: "\(error)"))
        }
    }

    fileprivate mutating func replaceProgram(in link: HeldLink, _ name: String) {
        attempt(.program, "the program in \(name) was replaced") { () throws(BPFError) in
            let error = weir_link_update(link.descriptor.raw, link.program.descriptor.raw)
            try check(error, "replace the program in", name)
        }
    }
}
