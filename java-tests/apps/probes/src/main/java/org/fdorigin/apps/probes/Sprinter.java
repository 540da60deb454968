package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Opens a socket in a critical native ({@code --library=PATH} of libferryman.so), once the call has
 * been made so often that it is compiled. To be run with {@code -Xbatch}.
 */
public final class Sprinter {

  private static final int WARM = 60_000;

  private static int steps;

  private Sprinter() {}

  private static int sprint(boolean opens) {
    return Ferryman.dash(opens); // MARK sprint
  }

  private static Map<String, ?> sprintAtNinetyOne() throws IOException {
    for (int i = 0; i < WARM; i++) {
      steps += sprint(false);
    }
    int answer = sprint(true);
    String mode = System.getProperty("java.vm.info").split(" ")[0]; // "mixed mode, sharing"
    String opened = Witness.of(new Throwable(), answer >> 1);
    return Map.of("mode", mode, "critical", answer & 1, "opened", opened);
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    console.on("sprint", Sprinter::sprintAtNinetyOne).serve(Map.of());
  }
}
