import CWeirBPF
import Glibc

/// The inbound programs of namespaces: copies of one, which differ in the cookie that is a constant of theirs. libbpf
/// prepares the first, which takes several times as long as the kernel takes for each.
final class SteeringPrograms {
    static let name = "weir_sk_lookup"

    /// Owns the descriptors that stand in the instructions.
    private let object: Object
    private let copier: OpaquePointer

    /// Loads the first, which needs a kernel of Linux 5.9; it is attached nowhere.
    init(_ maps: Maps) throws(BPFError) {
        let object = try Object()
        object.select { $0 == Self.name }
        try maps.forEach { map throws(BPFError) in try object.reuse(map) }
        try object.load()
        guard let program = object.handle(Self.name), let constants = object.constant(section: ".rodata.weir") else {
            throw BPFError(code: ENOENT, operation: "find", subject: "\(Self.name) in the BPF object")
        }
        guard let copier = weir_copier_new(program, constants) else {
            throw BPFError(code: ENOMEM, operation: "copy", subject: Self.name)
        }
        self.object = object
        self.copier = copier
    }

    deinit { weir_copier_free(copier) }

    /// Loads one more.
    func program(for cookie: UInt64) throws(BPFError) -> Descriptor {
        let constant = Descriptor(
            owning: try check(weir_constant_create("weir_home", cookie), "make", "the constants of \(Self.name)"))
        return Descriptor(owning: try check(weir_copier_load(copier, constant.raw), "load", Self.name))
    }
}
