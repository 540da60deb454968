package org.fdorigin.apps.examples;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fdorigin.FdOrigin;
import org.fdorigin.ReportBeforeCheckpoint;
import org.fdorigin.apps.console.Console;
import org.fdorigin.junit.NoDescriptorLeft;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * Uses the examples as a user would: asks for reports at {@code --to=PATH}, and, where {@code
 * --before=PATH} is given, has one written before each checkpoint.
 */
public final class Rehearsal {

  private static final List<ServerSocket> KEPT = new ArrayList<>();
  private static ReportBeforeCheckpoint resource;

  private Rehearsal() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    Path to = Path.of(console.option("to", "report.json"));
    String before = console.option("before", "");
    if (!before.isEmpty()) {
      resource = ReportBeforeCheckpoint.register(Path.of(before));
    }
    console
        .on("loaded", () -> Map.of("loaded", FdOrigin.isLoaded()))
        .on("open", () -> Map.of("port", openFiftyNine()))
        .on("report", () -> report(to))
        .on("default", () -> report(null))
        .on("block", Rehearsal::blocks)
        .on("junit", Rehearsal::runTests)
        .serve(Map.of("registered", resource != null));
  }

  static int openFiftyNine() throws IOException {
    ServerSocket kept = new ServerSocket(0); // MARK kept
    KEPT.add(kept);
    return kept.getLocalPort();
  }

  private static Map<String, ?> report(Path to) {
    try {
      FdOrigin.report(to);
      return Map.of("failure", "none");
    } catch (IOException e) {
      return Map.of("failure", encoded(e.getMessage()));
    }
  }

  /** One block that leaves nothing open, and one that does. */
  private static Map<String, ?> blocks() {
    return Map.of(
        "tidy", failureOf(() -> new ServerSocket(0).close()),
        "leaky", failureOf(() -> openFiftyNine()));
  }

  private static String failureOf(org.junit.jupiter.api.function.Executable block) {
    try {
      NoDescriptorLeft.by(block);
      return "none";
    } catch (Throwable e) {
      return encoded(e.getMessage());
    }
  }

  private static Map<String, ?> runTests() {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request().selectors(selectClass(Rounds.class)).build();
    SummaryGeneratingListener listener = new SummaryGeneratingListener();
    LauncherFactory.create().execute(request, listener);
    StringBuilder failures = new StringBuilder();
    listener
        .getSummary()
        .getFailures()
        .forEach(
            failure ->
                failures
                    .append(failure.getTestIdentifier().getDisplayName())
                    .append(": ")
                    .append(failure.getException().getMessage())
                    .append('\n'));
    return Map.of(
        "passed", listener.getSummary().getTestsSucceededCount(),
        "failures", encoded(failures.toString()));
  }

  /** Two tests of some user. */
  @ExtendWith(NoDescriptorLeft.class)
  public static final class Rounds {
    @Test
    void cleansUp() throws IOException {
      new ServerSocket(0).close();
    }

    @Test
    void forgets() throws IOException {
      openFiftyNine();
    }
  }

  private static String encoded(String text) {
    return URLEncoder.encode(String.valueOf(text), StandardCharsets.UTF_8);
  }
}
