package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/**
 * Lets a library written in Go, {@code --library=PATH}, open descriptors: Go's runtime calls the
 * kernel itself, brings threads of its own and handles signals that the JVM handles too.
 */
public final class Gopher {

  private static final int TURNS = 200_000;

  private Gopher() {}

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    System.load(console.option("library"));
    console.on("dig", Gopher::dig).on("toil", Gopher::toil).serve(Map.of());
  }

  private static Map<String, ?> dig() {
    Map<String, Integer> numbers = new LinkedHashMap<>();
    numbers.put("datagram", digDatagram());
    numbers.put("listener", digListener());
    numbers.put("pipe", digPipe());
    numbers.put("file", digFile());
    return numbers;
  }

  /**
   * What the JVM does by signals of its own: null checks of compiled code, safepoints, collections.
   */
  private static Map<String, ?> toil() {
    int caught = 0;
    for (int i = 0; i < TURNS; i++) {
      try {
        caught -= lengthOf(i % 100 == 0 ? null : new byte[0]);
      } catch (NullPointerException e) {
        caught++;
      }
      if (i % (TURNS / 4) == 0) {
        System.gc();
      }
    }
    return Map.of("caught", caught, "expected", TURNS / 100);
  }

  private static int lengthOf(byte[] bytes) {
    return bytes.length;
  }

  private static native int digDatagram();

  private static native int digListener();

  private static native int digPipe();

  private static native int digFile();
}
