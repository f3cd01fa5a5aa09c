import CWeirABI
import CWeirBPF
import Glibc
public import WeirCore

/// Keeps `weir_ifaces` in step with the interfaces of one namespace, for the policy of one workload: policies name
/// interfaces, the kernel knows their indices.
public enum InterfaceTable {
    /// Writes the entries of a policy in a namespace, and removes those that are no longer right.
    /// - Returns: whether the policy names more interfaces than a namespace may have here, so that some are not known.
    @discardableResult
    public static func synchronize(
        _ namespace: borrowing NetworkNamespace, policy: CompiledPolicy, slot: UInt32, _ maps: Maps
    ) throws(BPFError) -> Bool {
        let interfaces =
            policy.interfaces.isEmpty ? [] : try namespace.enter({ () throws(BPFError) in try present() })
        return try write(interfaces, cookie: namespace.cookie, policy: policy, slot: slot, maps)
    }

    /// The same for interfaces that are known.
    @discardableResult
    static func write(
        _ interfaces: [(name: String, index: UInt32)], cookie: UInt64, policy: CompiledPolicy, slot: UInt32,
        _ maps: Maps
    ) throws(BPFError) -> Bool {
        var isCut = false
        var wanted: [EntryKey: weir_interface] = [:]
        let entries = InterfaceIndex(policy.interfaces)
        for interface in interfaces {
            for family in [UInt32(AF_INET), UInt32(AF_INET6)] {
                guard let facts = entries.first(interface.name, isIPv4: family == UInt32(AF_INET)) else { continue }
                guard wanted.count < Int(WEIR_SHARE_INTERFACES) else {
                    isCut = true
                    continue
                }
                wanted[EntryKey(netns: cookie, policy: slot, index: interface.index, family: family)] = value(facts)
            }
        }
        for (key, value) in wanted { try maps.interfaces.set(key.abi, to: value) }
        try remove(maps) { $0.netns == cookie && wanted[EntryKey($0)] == nil }
        return isCut
    }

    /// Removes the entries of namespaces that no workload lives in.
    public static func reap(keeping used: Set<UInt64>, _ maps: Maps) throws(BPFError) {
        try remove(maps) { !used.contains($0.netns) }
    }

    /// Removes every entry of a namespace.
    public static func clear(cookie: UInt64, _ maps: Maps) throws(BPFError) {
        try remove(maps) { $0.netns == cookie }
    }

    private static func remove(_ maps: Maps, where isUnwanted: (weir_interface_key) -> Bool) throws(BPFError) {
        for key in try maps.interfaces.walk(weir_interface_key.self) where isUnwanted(key) {
            try maps.interfaces.remove(key)
        }
    }

    private static func value(_ facts: InterfaceFacts) -> weir_interface {
        var value = weir_interface()
        value.facts = facts.facts.rawValue
        value.network_length = UInt32(WEIR_NO_NETWORK)
        if let network = facts.network {
            value.network_length = UInt32(network.length)
            network.address.store(in: &value.network)
        }
        return value
    }

    /// The interfaces of the calling thread's namespace.
    private static func present() throws(BPFError) -> [(name: String, index: UInt32)] {
        guard let list = if_nameindex() else {
            throw BPFError(code: errno, operation: "list", subject: "the interfaces of a network namespace")
        }
        defer { if_freenameindex(list) }
        var found: [(name: String, index: UInt32)] = []
        var entry = list
        while entry.pointee.if_index != 0, let name = entry.pointee.if_name {
            found.append((String(cString: name), entry.pointee.if_index))
            entry += 1
        }
        return found
    }

    /// `struct weir_interface_key` that can be hashed.
    private struct EntryKey: Hashable {
        let netns: UInt64
        let policy: UInt32
        let index: UInt32
        let family: UInt32

        init(netns: UInt64, policy: UInt32, index: UInt32, family: UInt32) {
            (self.netns, self.policy, self.index, self.family) = (netns, policy, index, family)
        }

        init(_ key: weir_interface_key) {
            self.init(netns: key.netns, policy: key.policy, index: key.index, family: key.family)
        }

        var abi: weir_interface_key {
            weir_interface_key(netns: netns, policy: policy, index: index, family: family, pad: 0)
        }
    }
}
