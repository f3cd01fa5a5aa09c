import CWeirABI
import CWeirBPF
import Foundation
import Testing

@testable import WeirBPF

/// The structs as Swift sees them are the structs as the kernel's side was compiled.
@Suite struct LayoutTests {
    private static let sizes: [String: Int] = [
        "weir_rule": MemoryLayout<weir_rule>.size, "weir_policy": MemoryLayout<weir_policy>.size,
        "weir_slot": MemoryLayout<weir_slot>.size, "weir_share": MemoryLayout<weir_share>.size,
        "weir_workload": MemoryLayout<weir_workload>.size, "weir_owner": MemoryLayout<weir_owner>.size,
        "weir_prefix": MemoryLayout<weir_prefix>.size, "weir_destination": MemoryLayout<weir_destination>.size,
        "weir_route": MemoryLayout<weir_route>.size,
        "weir_generations": MemoryLayout<weir_generations>.size, "weir_user_port": MemoryLayout<weir_user_port>.size,
        "weir_interface_key": MemoryLayout<weir_interface_key>.size,
        "weir_interface": MemoryLayout<weir_interface>.size, "weir_tuple": MemoryLayout<weir_tuple>.size,
        "weir_origin": MemoryLayout<weir_origin>.size, "weir_targets": 65536,  // an array too long for Swift to import
        "weir_client": MemoryLayout<weir_client>.size, "weir_socket": MemoryLayout<weir_socket>.size,
        "weir_loop": MemoryLayout<weir_loop>.size, "weir_datagrams": MemoryLayout<weir_datagrams>.size,
        "weir_listener": MemoryLayout<weir_listener>.size,
        "weir_counter_key": MemoryLayout<weir_counter_key>.size, "weir_counter": MemoryLayout<weir_counter>.size,
        "weir_flow": MemoryLayout<weir_flow>.size, "weir_settings": MemoryLayout<weir_settings>.size,
        "weir_attempt": MemoryLayout<weir_attempt>.size, "weir_path_key": MemoryLayout<weir_path_key>.size,
        "weir_path_count": MemoryLayout<weir_path_count>.size, "weir_end": MemoryLayout<weir_end>.size,
        "weir_side": MemoryLayout<weir_side>.size, "weir_door": MemoryLayout<weir_door>.size,
        "weir_pair": MemoryLayout<weir_pair>.size,
    ]

    private static func source(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("bpf/\(name)"), encoding: .utf8)
    }

    /// `ASSERT_SIZE(weir_rule, 12);` of abi.c, evaluated.
    private static func asserted() throws -> [String: Int] {
        var found: [String: Int] = [:]
        for match in try source("abi.c").matches(of: /\nASSERT_SIZE\((\w+), (.+)\);/) {
            let products = match.2.split(separator: " + ").map { term in
                term.split(separator: " * ").map { $0 == "WEIR_NAME_SIZE" ? Int(WEIR_NAME_SIZE) : Int($0) ?? 0 }
                    .reduce(1, *)
            }
            found[String(match.1)] = products.reduce(0, +)
        }
        return found
    }

    @Test func sizesAreThoseOfTheCompiler() throws { #expect(try Self.asserted() == Self.sizes) }

    /// A struct that is added to a header of `abi.h` is added to abi.c's list and to this one.
    @Test func everyStructIsListed() throws {
        let included = try Self.source("include/weir/abi.h").matches(of: /\n#include <(weir\/\w+\.h)>/).map(\.1)
        let headers = try (["weir/abi.h"] + included).map { try Self.source("include/\($0)") }
        let named = headers.flatMap { $0.matches(of: /\nstruct (\w+) \{/).map { String($0.1) } }
        #expect(Set(named) == Set(Self.sizes.keys))
    }

    /// What the kernel says of the maps that it made.
    @Test(.enabled(if: geteuid() == 0, "loading BPF programs takes root"))
    func mapsHoldThem() throws {
        let maps = try Interceptor.loadPrivately().maps
        let expected: [(name: String, key: Int, value: Int)] = [
            ("weir_pods", 8, MemoryLayout<weir_workload>.size), ("weir_cgroups", 8, MemoryLayout<weir_workload>.size),
            ("weir_owners", MemoryLayout<weir_owner>.size, 4), ("weir_prefixes", MemoryLayout<weir_prefix>.size, 4),
            ("weir_routes", MemoryLayout<weir_destination>.size, MemoryLayout<weir_route>.size),
            ("weir_socks", 4, MemoryLayout<weir_socket>.size), ("weir_datagrams", 4, MemoryLayout<weir_datagrams>.size),
            ("weir_origins", MemoryLayout<weir_tuple>.size, MemoryLayout<weir_origin>.size),
            ("weir_slots", 4, MemoryLayout<weir_slot>.size), ("weir_clients", 4, MemoryLayout<weir_client>.size),
            ("weir_listeners", MemoryLayout<weir_listener>.size, 8),
            ("weir_counters", MemoryLayout<weir_counter_key>.size, MemoryLayout<weir_counter>.size),
            ("weir_ends", 4, MemoryLayout<weir_end>.size),
            ("weir_pairs", 8, MemoryLayout<weir_pair>.size), ("weir_peers", 8, 8), ("weir_queues", 8, 8),
            ("weir_paths", MemoryLayout<weir_path_key>.size, MemoryLayout<weir_path_count>.size),
            ("weir_settings", 4, MemoryLayout<weir_settings>.size),
        ]
        var seen: [String: (key: Int, value: Int)] = [:]
        try maps.forEach { map throws(BPFError) in
            let info = try map.info()
            seen[map.name] = (Int(info.key_size), Int(info.value_size))
        }
        for map in expected {
            let kernel = try #require(seen[map.name])
            #expect(kernel.key == map.key, "\(map.name)")
            #expect(kernel.value == map.value, "\(map.name)")
        }
        #expect(Set(seen.keys) == Set(Maps.names))
        #expect(Maps.names.allSatisfy { $0.utf8.count < 16 }, "the kernel cuts names at 15 characters")
    }
}
