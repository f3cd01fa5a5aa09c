import CWeirABI
import Testing
import WeirCore

/// What a word of the configuration comes to.
@Suite struct AccelerationTests {
    struct Example: CustomTestStringConvertible, Sendable {
        let word: Acceleration
        let reads: ReadHabit
        var application = ReadHabit.unknown
        let allowed: AccelerationScope
        let expected: AccelerationScope
        var testDescription: String { "\(word), \(reads), \(application), allowed \(allowed.rawValue)" }
    }

    private static let examples: [Example] = [
        Example(word: .off, reads: .untilEmpty, allowed: .all, expected: []),
        Example(word: .proxies, reads: .untilEmpty, allowed: .all, expected: [.proxy, .senders]),
        Example(word: .proxies, reads: .untilEmpty, allowed: [.proxy], expected: [.proxy]),
        Example(word: .proxies, reads: .untilEmpty, allowed: [], expected: [.proxy]),
        Example(word: .proxies, reads: .unknown, allowed: .all, expected: []),
        Example(word: .full, reads: .untilEmpty, allowed: [], expected: [.proxy]),
        Example(word: .full, reads: .untilEmpty, allowed: [.proxy, .senders], expected: [.proxy, .senders]),
        Example(word: .full, reads: .untilEmpty, allowed: .all, expected: .all),
        Example(word: .full, reads: .unknown, allowed: .all, expected: [.senders, .applications]),
        Example(word: .full, reads: .untilEmpty, application: .untilEmpty, allowed: [], expected: .all),
        Example(
            word: .full, reads: .unknown, application: .untilEmpty, allowed: [], expected: [.senders, .applications]),
        Example(
            word: .full, reads: .untilEmpty, application: .untilShort, allowed: [.senders],
            expected: [.proxy, .senders]),
        Example(
            word: .full, reads: .untilEmpty, application: .untilShort, allowed: [.proxyQueue],
            expected: [.proxy, .senders, .applications, .applicationQueue]),
        Example(word: .proxies, reads: .untilEmpty, application: .untilEmpty, allowed: [], expected: [.proxy]),
        Example(word: .auto, reads: .untilEmpty, application: .untilEmpty, allowed: [.proxy], expected: [.proxy]),
        Example(word: .auto, reads: .untilEmpty, allowed: .all, expected: [.proxy, .senders]),
        Example(word: .auto, reads: .untilEmpty, allowed: [.proxy], expected: [.proxy]),
        Example(word: .auto, reads: .untilEmpty, allowed: [.senders], expected: []),
        Example(word: .auto, reads: .unknown, allowed: .all, expected: []),
        Example(word: .proxies, reads: .untilShort, allowed: [.proxyQueue], expected: [.proxy, .proxyQueue]),
        Example(word: .proxies, reads: .untilShort, allowed: .all, expected: []),
        Example(
            word: .auto, reads: .untilShort, allowed: [.proxyQueue, .senders],
            expected: [.proxy, .proxyQueue, .senders]),
        Example(word: .auto, reads: .untilShort, allowed: [.proxy], expected: []),
        Example(
            word: .full, reads: .untilShort, application: .untilShort, allowed: [.proxyQueue],
            expected: [.proxy, .proxyQueue, .senders, .applications, .applicationQueue]),
        Example(word: .off, reads: .untilShort, allowed: [.proxyQueue], expected: []),
    ]

    @Test(arguments: examples)
    func comesTo(_ example: Example) {
        #expect(
            example.word.scope(proxy: example.reads, application: example.application, allowed: example.allowed)
                == example.expected)
    }

    @Test func isReadFromTheFile() throws {
        let yaml = """
            acceleration: auto
            accelerationBudget: 65536
            workloads:
              - {name: a, selector: {netns: /a}, mesh: istio, acceleration: full, accelerationBudget: 1024, applicationReads: untilEmpty}
              - name: b
                selector: {netns: /b}
                mesh: istio
                annotations:
                  weir.io/acceleration: "off"
                  weir.io/acceleration-budget: "2048"
                  weir.io/application-reads: untilShort
              - {name: c, selector: {netns: /c}, mesh: linkerd}
              - {name: d, selector: {netns: /d}, proxy: {outbound: 1, uid: 1, reads: untilEmpty}}
            """
        let read = try Configuration(yaml: yaml)
        #expect(read.acceleration == .auto && read.accelerationBudget == 65536)
        #expect(read.workloads.map(\.acceleration) == [.full, .off, nil, nil])
        #expect(read.workloads.map(\.accelerationBudget) == [1024, 2048, nil, nil])
        #expect(read.workloads.map(\.applicationReads) == [.untilEmpty, .untilShort, .unknown, .unknown])
        #expect(read.workloads.map(\.proxyReads) == [.untilEmpty, .untilEmpty, .untilShort, .untilEmpty])
        let again = try Configuration(yaml: read.show()).workloads
        #expect(again.map(\.acceleration) == [.full, .off, nil, nil])
        #expect(again.map(\.accelerationBudget) == [1024, 2048, nil, nil])
        #expect(again.map(\.applicationReads) == [.untilEmpty, .untilShort, .unknown, .unknown])
        #expect(again.map(\.proxyReads) == [.untilEmpty, .untilEmpty, .untilShort, .untilEmpty])
    }

    @Test(arguments: [
        ("acceleration: fast", "should be one of off, proxies, full, auto"),
        ("accelerationBudget: 5", "should be a number of bytes from 1024 to 67108864"),
        (
            "workloads: [{name: a, selector: {netns: /a}, mesh: istio, annotations: {weir.io/acceleration: on}}]",
            "weir.io/acceleration should be one of off, proxies, full, auto, but is \"on\""
        ),
        (
            "workloads: [{name: a, selector: {netns: /a}, mesh: istio, annotations: {weir.io/acceleration-budget: '7'}}]",
            "weir.io/acceleration-budget should be a number of bytes from 1024 to 67108864, but is \"7\""
        ),
        (
            "workloads: [{name: a, selector: {netns: /a}, mesh: istio, applicationReads: untilShrt}]",
            "did you mean \"untilShort\"?"
        ),
        (
            "workloads: [{name: a, selector: {netns: /a}, mesh: istio, acceleration: full, "
                + "annotations: {weir.io/acceleration: full}}]", "leave one of the two"
        ),
        (
            "workloads: [{name: a, selector: {cgroup: /a}, proxy: {outbound: 1}, acceleration: full}]",
            "both ends are told by their network namespaces"
        ),
    ])
    func isRefused(_ yaml: String, _ part: String) {
        let error = #expect(throws: ConfigurationError.self) { try Configuration(yaml: yaml) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(part))
    }

    @Test func pathsHaveTheHeadersWords() {
        #expect(MessagePath.allCases.count == Int(WEIR_PATH_COUNT.rawValue))
        #expect(MessagePath.overBudget.word == "over_budget")
        #expect(Set(MessagePath.allCases.map(\.word)).count == MessagePath.allCases.count)
        for path in MessagePath.allCases { #expect(MessagePath(word: path.word) == path && !path.sentence.isEmpty) }
        #expect(MessagePath(word: "sideways") == nil && MessagePath(rawValue: 99).word == "unknown")
    }
}
