public import CWeirABI
import CWeirBPF
import Glibc
import Synchronization

/// The programs in the kernel: loaded, attached to a cgroup, usually the root, and either pinned (they outlive this process) or
/// private (they end with it).
public final class Interceptor: Sendable {
    public let maps: Maps
    /// Where the installation is pinned; nil for a private one.
    public let pins: PinDirectory?
    private let links: [Int32]
    /// What this process keeps in force; nothing before `hold`.
    let held = Mutex(HeldObjects())
    /// Nil: nothing is to be taken over, or it was of this version.
    let succession: Succession?
    private let steering = Mutex<SteeringPrograms?>(nil)
    /// Why what pods have in the maps is charged to this process, where it is and it was not to be.
    public let whyCharged: String?

    private init(
        maps: Maps, pins: PinDirectory?, links: [Int32] = [], succession: Succession? = nil, whyCharged: String? = nil
    ) {
        self.maps = maps
        self.pins = pins
        self.links = links
        self.succession = succession
        self.whyCharged = whyCharged
    }

    deinit {
        for link in links { close(link) }
    }

    /// Programs that are pinned by themselves: one is run, the others are attached to maps.
    static let unattached = ["weir_explain"] + ShortCut.programs

    /// The programs that are attached to the cgroup.
    public static var programNames: [String] { hooks.map(\.program) }

    /// Has the kernel verify every program that intercepts, and attaches none; for the short cut's there is
    /// `ShortCut.probe`.
    public static func verify() throws(BPFError) {
        let object = try Object()
        object.select { !Object.lone.contains($0) && !ShortCut.programs.contains($0) }
        try object.load()
    }

    /// Opens what is installed.
    public static func open(_ pins: PinDirectory = PinDirectory()) throws(BPFError) -> Interceptor {
        guard pins.exists else {
            throw BPFError(
                code: ENOENT, operation: "find", subject: "Weir's programs under \(pins.path)",
                advice: "start the agent (weir agent) or install them (weir load)")
        }
        let version = try pins.version()
        guard version == UInt32(WEIR_ABI_VERSION) else {
            throw BPFError(
                code: EPROTO, operation: "use",
                subject: "the maps under \(pins.path), which have version \(version) and not \(WEIR_ABI_VERSION)",
                advice: "use the weir that installed them, or start this one's agent, which takes over")
        }
        return Interceptor(maps: try Maps { name throws(BPFError) in try pins.map(name) }, pins: pins)
    }

    /// Loads programs that end with this process.
    /// - Parameters:
    ///   - unguarded: leave out what keeps the short cut in order and bounded; for tests that prove the guards.
    ///   - room: entries of maps, by name, where they are to have fewer; for tests of full ones.
    public static func loadPrivately(
        unguarded: Bool = false, room: [String: UInt32] = [:]
    ) throws(BPFError) -> Interceptor {
        try Host.require()
        let object = try loadMain(reusing: nil, unguarded: unguarded, room: room)
        let links = try attach(object, to: try Host.cgroupRoot())
        do {
            let interceptor = Interceptor(
                maps: try Maps { name throws(BPFError) in try object.map(name) }, pins: nil, links: links.map(\.link))
            try interceptor.initialize()
            return interceptor
        } catch {
            for link in links { close(link.link) }
            throw error
        }
    }

    /// Installs the programs, or puts this version's programs into the links of those that are installed. Where the
    /// installed maps are of another version, the old programs decide until `takeOver`.
    /// - Parameters:
    ///   - cgroup: what a new installation is attached to; nil for the root.
    ///   - launcher: the path of `weir`, which makes the maps in another memory cgroup; nil: they are charged to this one.
    public static func install(
        _ pins: PinDirectory = PinDirectory(), cgroup: String? = nil, launcher: String? = nil
    ) throws(BPFError) -> Interceptor {
        try Host.require()
        let root = try attachment(cgroup)
        try clearLeftovers(pins)
        if pins.exists, pins.isOfThisVersion { return try upgrade(pins, root) }
        if !pins.exists { pins.removeAll() }
        let staging = pins.staging
        do {
            try staging.create()
            let whyCharged = try makeMaps(staging, launcher)
            let object = try loadMain(reusing: try Maps { name throws(BPFError) in try staging.map(name) })
            for name in unattached {
                if let program = object.program(name) { try staging.pin(program, "programs/\(name)") }
            }
            let maps = try Maps { name throws(BPFError) in try staging.map(name) }
            let succession = pins.exists ? try Succession(object, staging, pins: pins, cgroup: root) : nil
            let interceptor = Interceptor(maps: maps, pins: pins, succession: succession, whyCharged: whyCharged)
            try interceptor.initialize()
            // A kernel that does not take it is to be found out now.
            _ = try interceptor.steeringPrograms()
            if succession != nil { return interceptor }
            let links = try attach(object, to: root)
            defer { for link in links { close(link.link) } }
            for link in links { try staging.pin(link.link, "links/\(link.program)") }
            // From here the installation has its name; before, a failure removes all of it.
            try staging.publish(as: pins)
            try interceptor.hold(at: root, attached(object))
            return interceptor
        } catch {
            staging.removeAll()
            throw error
        }
    }

    /// The inbound programs of namespaces, prepared when they are first asked for.
    func steeringPrograms() throws(BPFError) -> SteeringPrograms {
        try steering.withLock { programs throws(BPFError) in
            let made = if let programs { programs } else { try SteeringPrograms(maps) }
            programs = made
            return made
        }
    }

    /// Makes the maps and pins them.
    /// - Returns: why that was not done apart.
    private static func makeMaps(_ staging: PinDirectory, _ launcher: String?) throws(BPFError) -> String? {
        var why: String?
        if let launcher {
            do throws(BPFError) {
                try MapMaker.make(staging, launcher: launcher)
                return nil
            } catch {
                why = "\(error)"
                staging.removeAll()
                try staging.create()
            }
        }
        let object = try Object()
        object.select { _ in false }
        try object.load()
        try MapMaker.pin(object, in: staging)
        return why
    }

    private static func attachment(_ cgroup: String?) throws(BPFError) -> String {
        guard let cgroup else { return try Host.cgroupRoot() }
        _ = try Host.cgroupID(of: cgroup)
        return cgroup
    }

    /// Replaces the programs in their links one by one; connections keep being decided all the while.
    private static func upgrade(_ pins: PinDirectory, _ root: String) throws(BPFError) -> Interceptor {
        let interceptor = try open(pins)
        let object = try loadMain(reusing: interceptor.maps)
        for hook in hooks {
            guard let program = object.program(hook.program) else { continue }
            if let link = try? pins.open("links/\(hook.program)") {
                defer { close(link) }
                try check(weir_link_update(link, program), "replace the program in", "links/\(hook.program)")
            } else {
                // Somebody removed the pin, and with it the attachment.
                let link = try attach(program, hook, to: root)
                defer { close(link) }
                try pins.pin(link, "links/\(hook.program)")
            }
        }
        for name in unattached {
            pins.remove("programs/\(name)")
            if let program = object.program(name) { try pins.pin(program, "programs/\(name)") }
        }
        _ = try interceptor.steeringPrograms()
        try interceptor.hold(at: root, attached(object))
        return interceptor
    }

    /// Detaches and removes everything under the directory, whoever left it.
    /// - Returns: how many programs were attached.
    @discardableResult
    public static func uninstall(_ pins: PinDirectory = PinDirectory()) -> Int {
        var count = 0
        let state = InstallationRecord(pins)
        let maps = state.maps()
        for directory in [pins] + pins.leftovers() + pins.predecessors() {
            for folder in ["links", "netns"] {
                for name in directory.names(in: folder) where directory.detach("\(folder)/\(name)") { count += 1 }
            }
            // Open connections keep the program of the short cut; without a workload it lets everything pass. Another
            // version's maps cannot be written by this one; those connections stay as they are.
            if directory.isOfThisVersion { try? ShortCut.turnOff(directory) }
            directory.removeAll()
        }
        // What has lost its pin, or is pinned where nobody looks.
        for link in KernelLink.all(using: maps) where bpf_link_detach(link.descriptor.raw) == 0 { count += 1 }
        state.remove()
        return count
    }

    private static func loadMain(
        reusing maps: Maps?, unguarded: Bool = false, room: [String: UInt32] = [:]
    ) throws(BPFError) -> Object {
        do {
            let object = try load(reusing: maps, unguarded: unguarded, room: room) { _ in true }
            try ShortCut.attach(object)
            return object
        } catch {
            // A kernel without what the short cut needs still intercepts; if that is not it, this fails, too.
            return try load(reusing: maps, unguarded: false, room: room) { !ShortCut.programs.contains($0) }
        }
    }

    private static func load(
        reusing maps: Maps?, unguarded: Bool, room: [String: UInt32], _ isWanted: (String) -> Bool
    ) throws(BPFError) -> Object {
        let object = try Object()
        object.select { isWanted($0) && $0 != SteeringProgram.name && !Object.lone.contains($0) }
        if unguarded { try object.setConstant(UInt32(1), section: ".rodata.unguarded") }
        for (map, entries) in room { try object.setRoom(entries, of: map) }
        try maps?.forEach { map throws(BPFError) in try object.reuse(map) }
        try object.load()
        return object
    }

    /// The descriptors of the programs of hooks, which the object owns.
    private static func attached(_ object: borrowing Object) -> [String: Int32] {
        var programs: [String: Int32] = [:]
        for hook in hooks { programs[hook.program] = object.program(hook.program) }
        return programs
    }

    private static func attach(
        _ object: borrowing Object, to root: String
    ) throws(BPFError) -> [(program: String, link: Int32)] {
        var links: [(program: String, link: Int32)] = []
        for hook in hooks {
            guard let program = object.program(hook.program) else { continue }
            do {
                links.append((hook.program, try attach(program, hook, to: root)))
            } catch {
                for made in links { close(made.link) }
                throw error
            }
        }
        return links
    }

    static func attach(_ program: Int32, _ hook: Hook, to root: String) throws(BPFError) -> Int32 {
        let cgroup = try Descriptor(path: root)
        let link = hook.attach(program, cgroup.raw)
        guard link >= 0 else {
            throw BPFError(
                code: -link, operation: "attach", subject: "\(hook.program) to the cgroup \(root)",
                advice: advice(attaching: hook.since, error: -link))
        }
        return link
    }

    private static func advice(attaching since: String, error: Int32) -> String? {
        switch error {
        case EPERM:
            return "another program holds this hook without BPF_F_ALLOW_MULTI; `weir check --category foreign` names it"
        case EINVAL: return "the hook needs Linux \(since) and BPF links Linux 5.7"
        default: return nil
        }
    }

    public func settings() throws(BPFError) -> weir_settings {
        try maps.settings.value(of: UInt32(0)) ?? weir_settings()
    }

    private func initialize() throws(BPFError) {
        var settings = weir_settings()
        settings.abi_version = UInt32(WEIR_ABI_VERSION)
        try maps.settings.set(UInt32(0), to: settings)
    }
}
