import Glibc
import TestSupport
import Testing
import WeirCore

@testable import WeirBPF

/// Which sockets take part in the short cut, and what a half-closed connection is to it.
extension ShortCutTests {
    /// A proxy's call to an application of its pod that may not join: nothing could be redirected, so the proxy's socket
    /// stays a plain one.
    @Test func aProxyDoesNotJoinAlone() throws {
        let lab = try ShortCutLab([.proxy], root: .proxy)
        let pair = try lab.connect(.a, to: (.a, .application), loopback: true)
        try pair.caller.send([1, 2])
        #expect(try pair.callee.receive(exactly: 2) == [1, 2])
        #expect(try lab.remembered() == 0)
    }

    /// To a peer that is no accelerated workload's of this node nothing is prepared.
    @Test func noPeerIsWaitedForElsewhere() throws {
        let lab = try ShortCutLab()
        try lab.set([], of: .b)
        let pair = try lab.connect(.a, to: (.b, .proxy))
        try pair.caller.send([1])
        #expect(try pair.callee.receive(exactly: 1) == [1])
        #expect(try lab.remembered() == 0)
    }

    /// A proxy's listener at another port than those of the policy is known by its user.
    @Test func aProxyIsKnownByItsUser() throws {
        let lab = try ShortCutLab([.proxy], root: .proxy)
        let pair = try lab.connect(.a, to: (.b, .application))
        try pair.caller.send([1, 2])
        #expect(try pair.callee.receive(exactly: 2) == [1, 2])
        #expect(try lab.messages(.redirect) == 1)
    }

    /// A word that comes when a connection is open already: its sockets have two queues, so it goes by the stack.
    @Test func aWordThatComesLate() throws {
        let lab = try ShortCutLab()
        let early = try lab.connect(.a, to: (.b, .proxy))
        try early.caller.send([1])
        #expect(try early.callee.receive(exactly: 1) == [1])
        #expect(try lab.messages(.redirect) == 1)
        for side in ShortCutLab.Side.allCases { try lab.set([.proxy, .proxyQueue, .senders], of: side) }
        try early.caller.send([2])
        #expect(try early.callee.receive(exactly: 1) == [2])
        #expect(try lab.messages(.redirect) == 1 && lab.messages(.scope) == 1)
        let late = try lab.connect(.a, to: (.b, .proxy))
        try late.caller.send([3])
        #expect(try late.callee.receive(exactly: 1) == [3])
        #expect(try lab.messages(.redirect) == 2)
    }

    /// Who has said all it has to say may still read, and as slowly as it likes: nobody ends its writer.
    @Test(arguments: [false, true])
    func aHalfClosedReaderGetsEverything(_ isFullBefore: Bool) throws {
        let lab = try ShortCutLab([.proxy, .proxyQueue, .senders])
        let pair = try lab.connect(.a, to: (.a, .proxy), loopback: true)
        var sent = isFullBefore ? try pair.caller.fill() : 0
        #expect(shutdown(pair.callee.raw, Int32(SHUT_WR)) == 0)
        sent += try pair.caller.fill()
        #expect(try lab.wakeWriters() == 0)
        // Longer than an abandoned writer waits for its end.
        #expect(try pair.caller.error(within: 2) == 0)
        #expect(try pair.callee.receive(exactly: sent).count == sent)
        #expect(shutdown(pair.caller.raw, Int32(SHUT_WR)) == 0)
        #expect(try pair.callee.receive(upTo: 1).isEmpty)
    }
}
