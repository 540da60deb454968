package org.fdorigin.harness;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A test that needs the stand-in for a CRaC JDK: skipped where none was named. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(RequiresStandin.Condition.class)
public @interface RequiresStandin {

  /** Decides by the system properties alone, so that a broken build cannot pass as a skip. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      return Build.standin().isPresent()
          ? ConditionEvaluationResult.enabled("named")
          : ConditionEvaluationResult.disabled(
              "no stand-in: name one with -Dfdorigin.build or -Dfdorigin.standin");
    }
  }
}
