import CWeirBPF
import Glibc

/// The BPF object that is embedded in this binary, opened and, after `load`, in the kernel.
struct Object: ~Copyable {
    private let pointer: OpaquePointer

    /// Opens the embedded object.
    init() throws(BPFError) {
        guard let bytes = Self.bytes else {
            throw BPFError(
                code: EINVAL, operation: "decode", subject: "the embedded BPF object", advice: "rebuild weir")
        }
        var error: Int32 = 0
        let log = LogBuffer()
        let opened = bytes.withUnsafeBytes { weir_object_open($0.baseAddress, $0.count, "weir", &error) }
        guard let opened else {
            throw BPFError(code: -error, operation: "open", subject: "the BPF object", log: log.text)
        }
        pointer = opened
    }

    /// Decoded once: every namespace loads an instance.
    private static let bytes = Base64.decode(EmbeddedObject.base64)

    deinit { bpf_object__close(pointer) }

    /// The names of the programs, in the order of the object.
    var programNames: [String] {
        var names: [String] = []
        var program = bpf_object__next_program(pointer, nil)
        while let current = program {
            names.append(String(cString: bpf_program__name(current)))
            program = bpf_object__next_program(pointer, current)
        }
        return names
    }

    /// The names of the maps that are Weir's own (not the compiler's .rodata).
    var mapNames: [String] {
        var names: [String] = []
        var map = bpf_object__next_map(pointer, nil)
        while let current = map {
            let name = String(cString: bpf_map__name(current))
            if name.hasPrefix("weir_") { names.append(name) }
            map = bpf_object__next_map(pointer, current)
        }
        return names
    }

    /// The acceleration self-test's program, which is loaded alone.
    static let selfTest = "weir_selftest"

    /// Programs that take no part in interception; each part of Weir that uses some loads them.
    static let lone = [selfTest, RoutingGenerations.program] + ForgottenWriters.programs

    /// Leaves out of `load` every program that `isWanted` refuses, and the maps that only others use: the self-test
    /// shares one with the rest.
    func select(_ isWanted: (String) -> Bool) {
        var map = bpf_object__next_map(pointer, nil)
        while let current = map {
            let name = String(cString: bpf_map__name(current))
            let isShared = name == ShortCut.queues && !isWanted(RoutingGenerations.program)
            let isUsed = isWanted(Self.selfTest) == name.hasPrefix("weir_probe")
            if name.hasPrefix("weir_"), !isShared, !isUsed || isWanted(RoutingGenerations.program) {
                bpf_map__set_autocreate(current, false)
            }
            map = bpf_object__next_map(pointer, current)
        }
        var program = bpf_object__next_program(pointer, nil)
        while let current = program {
            bpf_program__set_autoload(current, isWanted(String(cString: bpf_program__name(current))))
            program = bpf_object__next_program(pointer, current)
        }
    }

    /// Makes the object use a map that exists already.
    func reuse(_ map: borrowing Map) throws(BPFError) {
        guard let mine = bpf_object__find_map_by_name(pointer, map.name) else { return }
        try WeirBPF.check(bpf_map__reuse_fd(mine, map.raw), "reuse", "the map \(map.name)")
    }

    /// Sets how many entries a map can have, before the object is loaded.
    func setRoom(_ entries: UInt32, of map: String) throws(BPFError) {
        let found = bpf_object__find_map_by_name(pointer, map)
        try WeirBPF.check(bpf_map__set_max_entries(found, entries), "resize", "the map \(map)")
    }

    /// A program as libbpf knows it; nil when there is none of the name.
    func handle(_ name: String) -> OpaquePointer? { bpf_object__find_program_by_name(pointer, name) }

    /// The descriptor of the map of a constant that is alone in its section, of a loaded object.
    func constant(section: String) -> Int32? { self.section(section).map { bpf_map__fd($0) } }

    private func section(_ name: String) -> OpaquePointer? {
        var map = bpf_object__next_map(pointer, nil)
        while let current = map, !String(cString: bpf_map__name(current)).hasSuffix(name) {
            map = bpf_object__next_map(pointer, current)
        }
        return map
    }

    /// Sets a constant, which is alone in its section, before the object is loaded.
    func setConstant<Value: BitwiseCopyable>(_ value: Value, section: String) throws(BPFError) {
        guard let map = self.section(section) else { return }
        var value = value
        try WeirBPF.check(
            bpf_map__set_initial_value(map, &value, MemoryLayout<Value>.size), "set", "the constants of the BPF object")
    }

    /// Verifies and loads the selected programs, and creates the maps that are not reused.
    func load() throws(BPFError) {
        let log = LogBuffer()
        let error = bpf_object__load(pointer)
        if error < 0 {
            throw BPFError(
                code: -error, operation: "load", subject: "the BPF programs",
                advice: error == -EPERM ? nil : KernelVersion.advice("the programs need", need: .ofPrograms),
                log: log.text)
        }
    }

    /// The descriptor of a loaded program, owned by the object; nil when it was not selected.
    func program(_ name: String) -> Int32? {
        guard let program = bpf_object__find_program_by_name(pointer, name) else { return nil }
        let raw = bpf_program__fd(program)
        return raw < 0 ? nil : raw
    }

    /// A map of the loaded object, with a descriptor of its own.
    func map(_ name: String) throws(BPFError) -> Map {
        let raw = try WeirBPF.check(bpf_object__find_map_fd_by_name(pointer, name), "find", "the map \(name)")
        let own = fcntl(raw, F_DUPFD_CLOEXEC, 0)
        if own < 0 { throw BPFError(code: errno, operation: "duplicate", subject: "the descriptor of \(name)") }
        return Map(name: name, owning: own)
    }
}

/// Catches what libbpf prints on this thread for as long as it lives.
final class LogBuffer {
    private let memory = UnsafeMutablePointer<CChar>.allocate(capacity: LogBuffer.size)
    private static let size = 64 << 10

    init() { weir_log_capture(memory, Self.size) }

    var text: String { String(cString: memory) }

    deinit {
        weir_log_capture(nil, 0)
        memory.deallocate()
    }
}

/// RFC 4648, section 4, as much as the embedded object needs.
enum Base64 {
    static func decode(_ text: StaticString) -> [UInt8]? {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, character) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
            table[Int(character)] = UInt8(value)
        }
        let input = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        var output: [UInt8] = []
        output.reserveCapacity(input.count / 4 * 3)
        var bits: UInt32 = 0
        var held = 0
        for character in input where character != UInt8(ascii: "=") {
            guard table[Int(character)] != 255 else { return nil }
            bits = bits << 6 | UInt32(table[Int(character)])
            held += 6
            if held >= 8 {
                held -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        return output
    }
}
