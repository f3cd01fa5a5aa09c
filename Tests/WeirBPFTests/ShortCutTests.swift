import Foundation
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// Two sockets of one node and what passes between them past the stack.
@Suite(.serialized, .enabled(if: geteuid() == 0, "programs are root's to load"))
struct ShortCutTests {
    /// An application and its proxy in one pod; two proxies in two pods.
    enum Way: CaseIterable { case samePod, sameNode }

    private static func connect(_ lab: ShortCutLab, _ way: Way, _ family: Family) throws -> StreamPair {
        switch way {
        case .samePod: try lab.connect((.a, .application), to: (.a, .proxy), family, loopback: true)
        case .sameNode: try lab.connect((.a, .proxy), to: (.b, .proxy), family)
        }
    }

    @Test(arguments: Way.allCases, Family.allCases)
    func bytesArriveAndAreCounted(_ way: Way, _ family: Family) throws {
        let lab = try ShortCutLab()
        do {
            let pair = try Self.connect(lab, way, family)
            for size in [1, 2, 100, 4096, 65536, 200_000] {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
                try pair.caller.send(bytes)
                #expect(try pair.callee.receive(exactly: size) == bytes)
                try pair.callee.send(bytes)
                #expect(try pair.caller.receive(exactly: size) == bytes)
            }
            print("observed: \(way) over \(family): \(try lab.interceptor.maps.readPaths())")
            #expect(try lab.messages(.redirect) >= 12)
            #expect(try lab.bytes(.redirect) == 2 * (1 + 2 + 100 + 4096 + 65536 + 200_000))
        }
        #expect(Eventually.value { (try? lab.remembered()) == 0 ? true : nil } == true)
    }
}
