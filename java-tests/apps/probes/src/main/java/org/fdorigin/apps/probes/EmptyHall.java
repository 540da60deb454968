package org.fdorigin.apps.probes;

import java.io.IOException;
import java.util.Map;
import org.fdorigin.apps.console.Console;

/** Opens nothing at all: what a JVM looks like by itself. */
public final class EmptyHall {

  private EmptyHall() {}

  public static void main(String[] args) throws IOException {
    new Console(args).serve(Map.of());
  }
}
