import CWeirABI
import CWeirBPF
import Glibc

/// Weir's directory in the BPF file system: the state that outlives the agent.
///
///     maps/NAME         every map
///     links/PROGRAM     every attachment to the cgroup root
///     netns/COOKIE      the attachment to one network namespace
///     programs/NAME     programs that are run, not attached
public struct PinDirectory: Sendable {
    public let path: String

    public init(path: String = "/sys/fs/bpf/weir") {
        self.path = path
    }

    static let folders = ["maps", "links", "netns", "programs"]

    /// Whether programs are installed.
    public var exists: Bool { has("maps/weir_settings") }

    /// The version of the installed maps' layout, which every version has at the same place.
    func version() throws(BPFError) -> UInt32 {
        let settings = try map("weir_settings")
        var value = [UInt8](repeating: 0, count: Int(try settings.info().value_size))
        var zero: UInt32 = 0
        try check(bpf_map_lookup_elem(settings.raw, &zero, &value), "read", "weir_settings")
        let place = MemoryLayout<weir_settings>.offset(of: \.abi_version) ?? 4
        return value.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place, as: UInt32.self) }
    }

    /// Whether this version's programs can use the maps.
    var isOfThisVersion: Bool { (try? version()) == UInt32(WEIR_ABI_VERSION) }

    /// A directory beside this one, in which an installation is prepared. (bpffs refuses names with a dot.)
    var staging: PinDirectory { PinDirectory(path: "\(path)-new-\(getpid())") }

    /// Makes the directory, readable by root only.
    func create() throws(BPFError) {
        for folder in [path] + Self.folders.map({ "\(path)/\($0)" }) where mkdir(folder, 0o700) != 0 {
            throw BPFError(code: errno, operation: "make", subject: folder)
        }
    }

    /// Moves the directory into place: from here on the installation is what others see.
    func publish(as final: PinDirectory) throws(BPFError) {
        if rename(path, final.path) != 0 {
            throw BPFError(code: errno, operation: "rename \(path) to", subject: final.path)
        }
    }

    func pin(_ raw: Int32, _ name: String) throws(BPFError) {
        try check(bpf_obj_pin(raw, "\(path)/\(name)"), "pin", "\(path)/\(name)")
    }

    /// Opens a pinned object.
    func open(_ name: String) throws(BPFError) -> Int32 {
        try check(bpf_obj_get("\(path)/\(name)"), "open", "\(path)/\(name)")
    }

    /// Nil: there is no such pin. That one cannot be opened is no reason to take it for gone, and make it anew.
    func openIfPresent(_ name: String) throws(BPFError) -> Int32? {
        do {
            return try open(name)
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
    }

    func map(_ name: String) throws(BPFError) -> Map {
        Map(name: name, owning: try open("maps/\(name)"))
    }

    func has(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

    /// Detaches a link now, not when the last holder lets go, and removes its pin.
    /// - Returns: whether it was attached.
    @discardableResult
    func detach(_ name: String) -> Bool {
        guard let link = try? open(name) else { return false }
        defer { close(link) }
        remove(name)
        return bpf_link_detach(link) == 0
    }

    func remove(_ name: String) {
        unlink("\(path)/\(name)")
    }

    /// The names in one of the folders; none when it is not there.
    func names(in folder: String) -> [String] { Folder.names(in: "\(path)/\(folder)") }

    /// What is attached: programs at the cgroup root, and one sk_lookup a namespace.
    public var attached: [String] { names(in: "links") + names(in: "netns").map { "weir_sk_lookup@\($0)" } }

    /// Removes everything; what was pinned is gone once nobody else holds it.
    func removeAll() {
        for folder in Self.folders {
            for name in names(in: folder) { remove("\(folder)/\(name)") }
            rmdir("\(path)/\(folder)")
        }
        rmdir(path)
    }

    /// What killed processes left half prepared beside this directory.
    public func leftovers() -> [PinDirectory] {
        beside("new").filter { kill($0.process, 0) != 0 }.map(\.directory)
    }

    /// Installations that another has taken over from, which still follow the connections that they decided.
    public func predecessors() -> [PinDirectory] { beside("old").map(\.directory) }

    /// The name under which an installation of a process goes on as a predecessor.
    func predecessor(_ process: String) -> PinDirectory { PinDirectory(path: "\(path)-old-\(process)") }

    private func beside(_ what: String) -> [(directory: PinDirectory, process: Int32)] {
        guard let slash = path.lastIndex(of: "/") else { return [] }
        let parent = String(path[..<slash])
        let prefix = "\(path[path.index(after: slash)...])-\(what)-"
        return Folder.names(in: parent).filter { $0.hasPrefix(prefix) }.compactMap { name in
            Int32(name.dropFirst(prefix.count)).map { (PinDirectory(path: "\(parent)/\(name)"), $0) }
        }
    }
}
