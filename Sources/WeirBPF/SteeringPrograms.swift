import CWeirBPF
import Dispatch
import Glibc
import Synchronization

/// The inbound programs of namespaces: copies of one, each of which reads the cookie of its namespace from an array of
/// its own. libbpf prepares the first, which takes several times as long as the kernel takes for each. A namespace that
/// comes does not wait for the kernel either: a few copies are kept loaded, and replaced in the background.
final class SteeringPrograms: Sendable {
    /// Pods that come in one burst and find a copy loaded.
    static let spareCount = 16

    private let copier: Copier
    private let spares: Mutex<[SteeringProgram]>
    private let queue = DispatchQueue(label: "weir.steering")

    /// Prepares the first and loads a copy, which needs a kernel of Linux 5.9.
    init(_ maps: Maps) throws(BPFError) {
        copier = try Copier(maps)
        spares = Mutex([try copier.load()])
        makeGood()
    }

    /// One for a namespace, to be attached to it.
    func program(for cookie: UInt64) throws(BPFError) -> SteeringProgram {
        let spare = spares.withLock { $0.popLast() }
        let program = if let spare { spare } else { try copier.load() }
        makeGood()
        try program.settle(in: cookie)
        return program
    }

    /// The kernel's ids of those that wait for a namespace.
    var spareIDs: [UInt32] {
        spares.withLock { spares in
            spares.compactMap { spare in
                var info = bpf_prog_info()
                return weir_program_info(spare.descriptor.raw, &info) == 0 ? info.id : nil
            }
        }
    }

    private func makeGood() {
        queue.async { [weak self] in
            // The kernel does not let go of a processor while it verifies one, 3 ms, and the pod that took the last is
            // not yet done.
            let before = weir_stand_back()
            defer { weir_step_forward(before) }
            while let self, self.spares.withLock({ $0.count }) < Self.spareCount {
                // Whoever needs one gets the error.
                guard let spare = try? self.copier.load() else { return }
                self.spares.withLock { $0.append(spare) }
            }
        }
    }
}

/// Loads copies, several at a time if need be: what it reads for that never changes.
private final class Copier: Sendable {
    /// Owns the descriptors that the instructions refer to.
    private nonisolated(unsafe) let object: Object
    private nonisolated(unsafe) let copier: OpaquePointer

    init(_ maps: Maps) throws(BPFError) {
        let object = try Object()
        object.select { $0 == SteeringProgram.name }
        try maps.forEach { map throws(BPFError) in try object.reuse(map) }
        try object.load()
        guard let program = object.handle(SteeringProgram.name),
            let constants = object.constant(section: ".rodata.weir")
        else {
            throw BPFError(code: ENOENT, operation: "find", subject: "\(SteeringProgram.name) in the BPF object")
        }
        guard let copier = weir_copier_new(program, constants) else {
            throw BPFError(code: ENOMEM, operation: "copy", subject: SteeringProgram.name)
        }
        self.object = object
        self.copier = copier
    }

    deinit { weir_copier_free(copier) }

    func load() throws(BPFError) -> SteeringProgram {
        let home = Descriptor(
            owning: try check(weir_constant_create("weir_home"), "make", "the constants of \(SteeringProgram.name)"))
        let program = Descriptor(
            owning: try check(weir_copier_load(copier, home.raw), "load", SteeringProgram.name))
        return SteeringProgram(program, home: home)
    }
}
