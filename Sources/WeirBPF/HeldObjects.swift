import CWeirBPF
import Glibc
import Synchronization

/// What a process holds of its installation by descriptors, which stay when pins go, and what it has seen of the pins.
struct HeldObjects {
    /// The cgroup that the programs are attached to; nil: nothing is held yet.
    var cgroup: String?
    /// By the names of their pins, as all of these.
    var links: [String: HeldLink] = [:]
    var programs: [String: HeldProgram] = [:]
    /// Which file a pin was when it was last known to be of what is held.
    var pins: [String: FileNumber] = [:]
}

/// A loaded program.
final class HeldProgram: Sendable {
    let descriptor: Descriptor
    let id: UInt32

    init(_ descriptor: consuming Descriptor) throws(BPFError) {
        var info = bpf_prog_info()
        try check(weir_program_info(descriptor.raw, &info), "inspect", "a program")
        id = info.id
        self.descriptor = descriptor
    }
}

/// An attachment, with the program that belongs into it.
final class HeldLink: Sendable {
    let descriptor: Descriptor
    let program: HeldProgram
    let id: UInt32

    /// - Parameter program: the one that is in it; nil: the kernel is asked, which takes CAP_SYS_ADMIN.
    init(_ descriptor: consuming Descriptor, _ program: Int32?) throws(BPFError) {
        var info = bpf_link_info()
        try check(weir_link_info(descriptor.raw, &info), "inspect", "a link")
        id = info.id
        let own = program.map { fcntl($0, F_DUPFD_CLOEXEC, 0) } ?? bpf_prog_get_fd_by_id(info.prog_id)
        self.program = try HeldProgram(Descriptor(owning: try check(own, "open", "the program of a link")))
        self.descriptor = descriptor
    }

    enum State { case inForce, otherProgram, detached }

    /// - Parameter cgroup: the id of the one that it has to be attached to; nil: it is a namespace's.
    func state(in cgroup: UInt64?) throws(BPFError) -> State {
        var info = bpf_link_info()
        try check(weir_link_info(descriptor.raw, &info), "inspect", "a link")
        // The kernel clears what a link is attached to when it is detached, and when that goes.
        let isAttached = cgroup.map { info.cgroup.cgroup_id == $0 } ?? (info.netns.netns_ino != 0)
        guard isAttached else { return .detached }
        return info.prog_id == program.id ? .inForce : .otherProgram
    }
}

/// Which file it is.
struct FileNumber: Equatable {
    private let device: UInt64
    private let inode: UInt64

    init?(_ path: String) {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        (device, inode) = (UInt64(info.st_dev), UInt64(info.st_ino))
    }
}

extension Interceptor {
    /// From here on what is attached is this process's to keep.
    /// - Parameters:
    ///   - cgroup: to which the programs are attached.
    ///   - programs: those that were attached, by name, while namespaces' are not; nil: those in all links.
    func hold(at cgroup: String, _ programs: [String: Int32]? = nil) throws(BPFError) {
        guard let pins else { return }
        var held = HeldObjects()
        held.cgroup = cgroup
        for folder in programs == nil ? ["links", "netns"] : ["links"] {
            for program in pins.names(in: folder) {
                let name = "\(folder)/\(program)"
                held.links[name] = try HeldLink(Descriptor(owning: try pins.open(name)), programs?[program])
                held.pins[name] = FileNumber("\(pins.path)/\(name)")
            }
        }
        for name in pins.names(in: "programs") {
            let name = "programs/\(name)"
            held.programs[name] = try HeldProgram(Descriptor(owning: try pins.open(name)))
            held.pins[name] = FileNumber("\(pins.path)/\(name)")
        }
        for name in Maps.names { held.pins["maps/\(name)"] = FileNumber("\(pins.path)/maps/\(name)") }
        self.held.withLock { $0 = held }
        try InstallationRecord(pins).write(maps)
    }

    /// Pins a link and holds it.
    func hold(
        _ link: consuming Descriptor, _ program: Int32, as name: String, _ pins: PinDirectory
    ) throws(BPFError) {
        if !pins.has(name) { try pins.pin(link.raw, name) }
        let link = try HeldLink(link, program)
        held.withLock { held in
            // A process that does not keep the rest does not keep this.
            guard held.cgroup != nil else { return }
            held.links[name] = link
            held.pins[name] = FileNumber("\(pins.path)/\(name)")
        }
    }

    /// One more descriptor of a link that is held.
    func duplicate(_ name: String) -> Descriptor? {
        held.withLock { $0.links[name] }.flatMap { link in
            let own = fcntl(link.descriptor.raw, F_DUPFD_CLOEXEC, 0)
            return own < 0 ? nil : Descriptor(owning: own)
        }
    }

    /// Detaches it, also when its pin has gone.
    func release(_ name: String) {
        held.withLock { held in
            held.pins[name] = nil
            if let link = held.links.removeValue(forKey: name) { bpf_link_detach(link.descriptor.raw) }
        }
    }
}
