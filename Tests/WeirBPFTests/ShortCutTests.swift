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
        case .samePod: try lab.connect(.a, to: (.a, .proxy), family, loopback: true)
        case .sameNode: try lab.connect(.a, to: (.b, .proxy), family)
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

extension ShortCutTests {
    /// Who receives decides: a message takes the short cut if its receiver is in the scope of its own workload.
    @Test(
        arguments: [
            ([.proxy], false, 0, 0), ([.proxy, .senders], false, 1, 0), ([.senders, .applications], false, 0, 1),
            (.all, false, 1, 1), ([], false, 0, 0), ([.proxy], true, 1, 1), ([.senders, .applications], true, 0, 0),
        ] as [(AccelerationScope, Bool, UInt64, UInt64)])
    func scopeIsByReceiver(_ scope: AccelerationScope, _ proxies: Bool, _ there: UInt64, _ back: UInt64) throws {
        let lab = try ShortCutLab(scope, root: proxies ? .proxy : .application)
        let pair = try Self.connect(lab, proxies ? .sameNode : .samePod, .ipv4)
        try pair.caller.send([1, 2, 3])
        #expect(try pair.callee.receive(exactly: 3) == [1, 2, 3])
        #expect(try lab.messages(.redirect) == there)
        try pair.callee.send([4, 5])
        #expect(try pair.caller.receive(exactly: 2) == [4, 5])
        #expect(try lab.messages(.redirect) == there + back)
        if there + back == 0 {
            // Nothing can be redirected, so neither is read by other code than before, or only the one that asked.
            #expect(try lab.interceptor.maps.peers.walk(UInt64.self).count <= 1)
        }
    }

    /// A reload changes what open connections do from the next message on, and no byte is lost or overtaken.
    @Test func scopeChangesUnderOpenConnections() throws {
        let lab = try ShortCutLab()
        let pair = try Self.connect(lab, .sameNode, .ipv4)
        var sent: [UInt8] = []
        func send(_ count: Int) throws {
            for _ in 0..<count {
                let bytes = (0..<100).map { UInt8(truncatingIfNeeded: sent.count + $0) }
                try pair.caller.send(bytes)
                sent += bytes
            }
        }
        try send(3)
        try lab.set([], of: .b)
        try send(3)
        #expect(try lab.messages(.redirect) == 3 && lab.messages(.scope) == 3)
        try lab.set(.all, of: .b)
        try send(1)  // the three before it are unread
        #expect(try lab.messages(.unread) == 1)
        #expect(try pair.callee.receive(exactly: sent.count) == sent)
        let before = sent.count
        try send(2)
        #expect(try lab.messages(.redirect) == 5)
        #expect(try pair.callee.receive(exactly: 200) == Array(sent[before...]))
        // The sender's own workload counts as well.
        try lab.set([], of: .a)
        try send(1)
        #expect(try lab.messages(.scope) == 4)
    }

    /// A reader that stalls: what waits for it past the stack is a budget and a message, whatever their size.
    @Test(arguments: [1024, 65536, 262_144], [1, 300, 16384])
    func budgetBoundsWhatIsUnread(_ budget: Int, _ size: Int) throws {
        let lab = try ShortCutLab(budget: budget)
        let pair = try Self.connect(lab, .sameNode, .ipv4)
        // Few enough past the budget for the stack, which would make the sender wait.
        let count = min(budget / size + 4, 3000)
        for number in 0..<count {
            try pair.caller.send([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size))
        }
        let redirected = try lab.bytes(.redirect)
        print("observed: budget \(budget), messages of \(size): \(redirected) bytes past the stack of \(count * size)")
        #expect(redirected > 0 && redirected <= UInt64(budget + size))
        #expect(try lab.messages(.redirect) <= UInt64(max(budget / 256, 1)) + 1)
        #expect(try lab.messages(.overBudget) >= 1)
        let received = try pair.callee.receive(exactly: count * size)
        #expect(received == (0..<count).flatMap { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: size) })
        // Everything is read, so the next message is redirected again.
        let before = try lab.messages(.redirect)
        try pair.caller.send([1])
        #expect(try lab.messages(.redirect) == before + 1)
    }

    /// Without the guards a message overtakes earlier bytes: the tests above can tell.
    @Test(arguments: [true, false])
    func guardsKeepTheOrder(_ unguarded: Bool) throws {
        let lab = try ShortCutLab([.proxy], root: .proxy, unguarded: unguarded)
        let pair = try Self.connect(lab, .sameNode, .ipv4)
        try lab.set([], of: .b)
        try pair.caller.send([1, 2, 3])
        try lab.set(.all, of: .b)
        try pair.caller.send([4, 5, 6])
        let received = try pair.callee.receive(exactly: 6)
        #expect(received == (unguarded ? [4, 5, 6, 1, 2, 3] : [1, 2, 3, 4, 5, 6]))
    }

    @Test func withoutGuardsAReaderHoards() throws {
        let lab = try ShortCutLab(budget: 1024, unguarded: true)
        let pair = try Self.connect(lab, .sameNode, .ipv4)
        for _ in 0..<100 { try pair.caller.send([UInt8](repeating: 7, count: 16384)) }
        #expect(try lab.bytes(.redirect) == 100 * 16384)
    }

    /// What is queued outlives the programs, and the connection goes on without them.
    @Test(arguments: [AccelerationScope.all, [.proxy, .proxyQueue, .senders]])
    func queuedBytesOutliveTheInstallation(_ scope: AccelerationScope) throws {
        func connected() throws -> StreamPair {
            let lab = try ShortCutLab(scope)
            let pair = try Self.connect(lab, .samePod, .ipv4)
            try pair.caller.send([1, 2, 3])
            #expect(try lab.messages(.redirect) == 1)
            try lab.set([], of: .a)
            try pair.caller.send([4, 5])
            return pair
        }
        let pair = try connected()
        try pair.caller.send([6])
        #expect(try pair.callee.receive(exactly: 6) == [1, 2, 3, 4, 5, 6])
        for number in UInt8(7)..<100 {
            try pair.caller.send([UInt8](repeating: number, count: 10_000))
            #expect(try pair.callee.receive(exactly: 10_000).allSatisfy { $0 == number })
            try pair.callee.send([number])
            #expect(try pair.caller.receive(exactly: 1) == [number])
        }
        #expect(shutdown(pair.caller.raw, Int32(SHUT_WR)) == 0)
        #expect(try pair.callee.receive(upTo: 10).isEmpty)
    }

    /// shutdown() ends a direction, after what was redirected; the other goes on.
    @Test(arguments: Way.allCases)
    func halfClose(_ way: Way) throws {
        let lab = try ShortCutLab()
        let pair = try Self.connect(lab, way, .ipv4)
        try pair.caller.send([1, 2])
        #expect(shutdown(pair.caller.raw, Int32(SHUT_WR)) == 0)
        #expect(send(pair.caller.raw, "x", 1, Int32(MSG_NOSIGNAL)) == -1 && errno == EPIPE)
        #expect(try pair.callee.receive(upTo: 10) == [1, 2])
        #expect(try pair.callee.receive(upTo: 10).isEmpty)
        try pair.callee.send([3])
        #expect(try pair.caller.receive(upTo: 10) == [3])
        #expect(try lab.messages(.redirect) == 2)
    }

    /// Sockets that are left alone, each with its reason, and that work as ever.
    @Test func mptcpIsLeftAlone() throws {
        let lab = try ShortCutLab()
        let pair = try lab.connect(.a, to: (.a, .proxy), loopback: true, .multipath)
        try pair.caller.send([1, 2, 3])
        #expect(try pair.callee.receive(exactly: 3) == [1, 2, 3])
        #expect(try lab.leftOut(.mptcp) >= 1 && lab.messages(.redirect) == 0)
    }

    @Test func zeroCopyIsLeftAlone() throws {
        let lab = try ShortCutLab()
        let pair = try lab.connect(.a, to: (.a, .proxy), loopback: true, .zeroCopy)
        try pair.caller.send([1, 2, 3])
        #expect(try pair.callee.receive(exactly: 3) == [1, 2, 3])
        #expect(try lab.leftOut(.zeroCopy) >= 1 && lab.messages(.redirect) == 0)
    }

    /// The kernel does not know what is unread in a queue, and closes without the reset that would tell the writer.
    @Test(arguments: [false, true])
    func aWriterLearnsThatItsReaderHasLeft(_ isHalfClosed: Bool) throws {
        let lab = try ShortCutLab([.proxy, .proxyQueue, .senders])
        func leave() throws -> StreamSocket {
            let pair = try Self.connect(lab, .samePod, .ipv4)
            if isHalfClosed { #expect(shutdown(pair.callee.raw, Int32(SHUT_WR)) == 0) }
            try pair.caller.fill()
            return pair.caller
        }
        let writer = try leave()
        // No FIN tells of the end that comes after a half-close; the agent looks for such writers.
        if isHalfClosed { #expect(Eventually.value { (try? lab.wakeWriters()) == 1 ? true : nil } == true) }
        #expect(try writer.error(within: 10) == ETIMEDOUT)
    }

    /// Somebody else's programs, which come first, have put the sockets into a map of theirs: another Weir's.
    @Test func socketsOfAnotherMapAreLeftAlone() throws {
        let other = try ShortCutLab()
        let lab = try ShortCutLab(besides: other)
        let pair = try Self.connect(lab, .samePod, .ipv4)
        try pair.caller.send([1, 2, 3])
        #expect(try pair.callee.receive(exactly: 3) == [1, 2, 3])
        #expect(try lab.leftOut(.foreign) == 1 && lab.messages(.redirect) == 0)
        #expect(try other.messages(.redirect) == 1)
    }

    /// Where there is room for one connection only, a second takes the stack; one that comes later does not.
    @Test(arguments: [("weir_pairs", 1), ("weir_peers", 2), ("weir_queues", 1)])
    func connectionsWithoutRoomTakeTheStack(_ map: String, _ entries: UInt32) throws {
        let lab = try ShortCutLab([.proxy, .proxyQueue, .senders], room: [map: entries])
        func exchange(_ pair: StreamPair) throws {
            try pair.caller.send([1, 2, 3])
            #expect(try pair.callee.receive(exactly: 3) == [1, 2, 3])
        }
        do {
            let first = try Self.connect(lab, .samePod, .ipv4)
            let second = try Self.connect(lab, .samePod, .ipv4)
            try exchange(second)
            #expect(try lab.messages(.redirect) == 0)
            #expect(try map == "weir_queues" ? lab.messages(.scope) == 1 : lab.leftOut(.full) == 1)
            try exchange(first)
            #expect(try lab.messages(.redirect) == 1)
        }
        try #require(Eventually.value { (try? lab.remembered()) == 0 ? true : nil } == true)
        try exchange(try Self.connect(lab, .samePod, .ipv4))
        #expect(try lab.messages(.redirect) == 2)
    }

    /// Two pods have one address for a while, when one takes it over; the other's end takes nothing from it.
    @Test func anAddressOfTwoPodsStaysNear() throws {
        let lab = try ShortCutLab()
        try lab.addAddress("10.77.0.9/32")
        #expect(try lab.isNear("10.77.0.9"))
        try lab.set([], of: .a)
        #expect(try lab.isNear("10.77.0.9") && !lab.isNear("10.77.0.1"))
        try lab.forget(.b)
        #expect(try lab.isNear("10.77.0.9"))
        try lab.forget(.a)
        #expect(try !lab.isNear("10.77.0.9"))
    }

    @Test func upperLayerProtocolsAreLeftAlone() throws {
        let lab = try ShortCutLab()
        let pair = try Self.connect(lab, .samePod, .ipv4)
        try pair.caller.send([1])
        #expect(try pair.callee.receive(exactly: 1) == [1])
        let tls = "tls"
        guard setsockopt(pair.caller.raw, Int32(IPPROTO_TCP), TCP_ULP, tls, 3) == 0 else {
            // A kernel without CONFIG_TLS has no upper layer protocol to meet; those that Scripts/kernels boots have it.
            #expect(errno == ENOENT)
            print("observed: kernel TLS is not in this kernel")
            return
        }
        try pair.caller.send([2])
        try pair.callee.send([3])
        #expect(try pair.callee.receive(exactly: 1) == [2] && pair.caller.receive(exactly: 1) == [3])
        #expect(try lab.messages(.upperLayer) == 2 && lab.messages(.redirect) == 1)
    }

    /// An end that vanishes without a word, with bytes unread and bytes to come.
    @Test func closedWithBytesWaiting() throws {
        let lab = try ShortCutLab()
        for _ in 0..<50 {
            let pair = try Self.connect(lab, .sameNode, .ipv4)
            try pair.caller.send([1, 2, 3])
            try pair.callee.send([4])
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(pair.caller.raw, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        }
        #expect(Eventually.value { (try? lab.remembered()) == 0 ? true : nil } == true)
    }

    /// A handshake that comes to nothing, and a peer that is not accelerated.
    @Test func nothingIsRemembered() throws {
        let lab = try ShortCutLab()
        #expect(throws: BPFError.self) {
            try lab.refused(.a, port: 1)
        }
        try lab.set([], of: .b)
        do {
            let pair = try Self.connect(lab, .sameNode, .ipv4)
            try pair.caller.send([1])
            #expect(try pair.callee.receive(exactly: 1) == [1])
            #expect(try lab.messages(.redirect) == 0)
        }
        #expect(Eventually.value { (try? lab.remembered()) == 0 ? true : nil } == true)
    }
}
