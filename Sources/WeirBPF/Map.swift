import CWeirBPF
import Glibc

/// A BPF map, seen through a descriptor of its own. Keys and values are the structs of `weir/abi.h`.
public struct Map: ~Copyable, Sendable {
    public let name: String
    let descriptor: Descriptor

    init(name: String, owning raw: Int32) {
        self.name = name
        self.descriptor = Descriptor(owning: raw)
    }

    public var raw: Int32 { descriptor.raw }

    /// - Returns: nil when the key has no entry.
    public func value<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        of key: Key, as type: Value.Type = Value.self
    ) throws(BPFError) -> Value? {
        try withScratch(type) { (value: UnsafeMutablePointer<Value>) throws(BPFError) -> Value? in
            var key = key
            let error = bpf_map_lookup_elem(raw, &key, value)
            if error == -ENOENT { return nil }
            try check(error, "read", name)
            return value.pointee
        }
    }

    /// Every processor's value of a key of a per-processor map.
    public func values<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        of key: Key, as type: Value.Type = Value.self
    ) throws(BPFError) -> [Value] {
        let processors = Int(try check(libbpf_num_possible_cpus(), "count", "processors"))
        let stride = (MemoryLayout<Value>.size + 7) & ~7  // the kernel rounds each value up to 8 bytes
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: stride * processors, alignment: 8)
        defer { buffer.deallocate() }
        var key = key
        let error = bpf_map_lookup_elem(raw, &key, buffer)
        if error == -ENOENT { return [] }
        try check(error, "read", name)
        return (0..<processors).map { buffer.loadUnaligned(fromByteOffset: $0 * stride, as: Value.self) }
    }

    /// Writes an entry, new or not; atomic for whoever reads it.
    public func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(_ key: Key, to value: Value) throws(BPFError) {
        var key = key
        var value = value
        let error = bpf_map_update_elem(raw, &key, &value, UInt64(BPF_ANY))
        let isFull = error == -E2BIG || error == -ENOSPC
        try check(
            error, "write", name, advice: isFull ? "it is full: configure fewer workloads, prefixes or users" : nil)
    }

    /// Removes an entry; one that is not there is no error.
    public func remove<Key: BitwiseCopyable>(_ key: Key) throws(BPFError) {
        var key = key
        let error = bpf_map_delete_elem(raw, &key)
        if error != -ENOENT { try check(error, "delete from", name) }
    }

    /// All keys at about one moment: an entry that comes or goes meanwhile may be missed, none comes twice.
    public func walk<Key: BitwiseCopyable>(_ type: Key.Type = Key.self) throws(BPFError) -> [Key] {
        var found: [Key] = []
        let memory = UnsafeMutablePointer<Key>.allocate(capacity: 2)
        defer { memory.deallocate() }
        var error = bpf_map_get_next_key(raw, nil, memory)
        while error == 0 {
            found.append(memory.pointee)
            memory[1] = memory[0]
            error = bpf_map_get_next_key(raw, memory + 1, memory)
        }
        if error != -ENOENT { try check(error, "walk", name) }
        return found
    }

    /// What the kernel knows of the map: its id, sizes and limits.
    func info() throws(BPFError) -> bpf_map_info {
        var info = bpf_map_info()
        try check(weir_map_info(raw, &info), "inspect", name)
        return info
    }

    private func withScratch<Value, Result>(
        _ type: Value.Type, _ body: (UnsafeMutablePointer<Value>) throws(BPFError) -> Result
    ) throws(BPFError) -> Result {
        let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        defer { memory.deallocate() }
        return try body(memory)
    }
}
